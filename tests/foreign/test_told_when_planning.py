"""What would stop a training is told by `stabbench plan`, all of it at once, with advice that can be followed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file
from transformers import (
    AlbertConfig,
    AlbertModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
    ConvBertConfig,
    DebertaV2Config,
    DebertaV2Model,
    ElectraConfig,
    ElectraModel,
    MobileBertConfig,
    ModernBertConfig,
    NystromformerConfig,
    NystromformerModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from stabbench.cli import main
from stabbench.errors import Mistakes, UserError
from stabbench.files import write_json
from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.models.batch import TokenizedTexts, make_batch
from stabbench.models.device_batch import BatchShape, DeviceTexts, device_batch
from stabbench.models.families import encoder_of, read_architecture
from stabbench.models.families.huggingface.padding import check_padding
from stabbench.models.families.huggingface.reading import read
from stabbench.models.sources import check_folder, locate
from stabbench.models.tokenization import tokenize
from stabbench.models.tokenizer import read_tokenizer
from stabbench.models.word_pieces import write_word_pieces
from stabbench.resolve.cell import check_model
from tests import warm
from tests.foreign.tokenizer_folders import SIZE
from tests.models.test_sources import into_cache, locate_in_a_new_process

WORDS = ["a", "ferry", "crosses", "lake"]


def saved(folder: Path, model: Any, *, tokenizer: bool = True) -> Path:
    model.save_pretrained(folder)
    if tokenizer:
        write_word_pieces(folder, WORDS, 64)
    return folder


def changed(folder: Path, **fields: Any) -> Path:
    """config.json with other fields; None takes one out."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | fields
    write_json(folder / "config.json", {name: value for name, value in config.items() if value is not None})
    return folder


def pickled(folder: Path) -> Path:
    """Weights as older models have them."""
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def bert(folder: Path, vocabulary: int = 9) -> Path:
    return saved(folder, BertModel(BertConfig(vocab_size=vocabulary, **SIZE)))


def planned(project: Path, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Result:
    (project / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    monkeypatch.chdir(project)
    return CliRunner().invoke(main, ["plan"])


def test_all_mistakes_of_models_tasks_and_strategies_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)  # as where it is not installed
    sizes: dict[str, Any] = {"type_vocab_size": 0, "position_biased_input": False, "relative_attention": True}
    deberta = DebertaV2Model(DebertaV2Config(vocab_size=40, **sizes, **SIZE))
    (pickled(saved(tmp_path / "hub-layout", deberta, tokenizer=False)) / "spm.model").write_bytes(b"x")
    changed(bert(tmp_path / "no-type"), model_type=None)
    changed(bert(tmp_path / "shape", 29), vocab_size=9, num_hidden_layers=3)
    albert = AlbertModel(AlbertConfig(vocab_size=40, embedding_size=8, **SIZE))
    (saved(tmp_path / "spiece", albert, tokenizer=False) / "spiece.model").write_bytes(b"x")
    saved(
        tmp_path / "padded",
        NystromformerModel(NystromformerConfig(vocab_size=9, num_landmarks=8, segment_means_seq_len=8, **SIZE)),
    )
    bert(tmp_path / "fine")
    names = ["hub-layout", "no-type", "shape", "spiece", "padded", "fine"]
    params = {
        "seeds": [1],
        "grid": {"models": names, "tasks": ["acceptability", "rte"], "strategies": ["devlin", "mixout", "long"]},
        "models": {name: {"source": f"./{name}"} for name in names},
        "strategies": {
            "mixout": {"options": {"probabilty": 0.9}},
            "long": {"plugin": "devlin", "recipe": {"max_length": 128}},
        },
    }
    result = planned(tmp_path, params, monkeypatch)
    assert result.exit_code == 2
    assert not (tmp_path / "plan").exists()
    lines = [line.removeprefix("- ") for line in result.output.splitlines() if line.startswith("- ")]
    expected = [
        r"hub-layout holds pytorch_model\.bin only, .*convert it with AutoModel\.from_pretrained\('hub-layout'\)",
        r"no-type/config\.json names no model_type: add \"model_type\": \"bert\" to it",
        r"shape: tensor bert\.embeddings\.word_embeddings\.weight has shape \(29, 16\), config\.json says \(9, 16\); "
        r"no tensor bert\.encoder\.layer\.2\..* and 13 more: it is not a bert encoder in full",
        r"'nystromformer' models .* depend on what it is padded with \(by \d+% of their spread, measured\)",
        r"data/acceptability: there is no prepared task here",
        r"data/rte: there is no prepared task here",
        r"unknown option of strategy 'mixout' .*'probabilty': did you mean 'probability'",
    ]
    for pattern in expected:
        assert [line for line in lines if re.search(pattern, line)], (pattern, lines)
    for name in ("spm.model", "spiece.model"):
        assert [line for line in lines if name in line and "tiktoken" not in line], lines


def test_a_sentencepiece_model_that_is_none_is_called_so(tmp_path: Path) -> None:
    albert = AlbertModel(AlbertConfig(vocab_size=40, embedding_size=8, **SIZE))
    folder = saved(tmp_path / "spiece", albert, tokenizer=False)
    (folder / "spiece.model").write_bytes(b"x")
    with pytest.raises(UserError, match=r"spiece\.model cannot be read as a sentencepiece model") as raised:
        read_tokenizer(folder)
    assert "tiktoken" not in str(raised.value)


def test_a_message_does_not_grow_with_the_grid() -> None:
    mistakes = Mistakes()
    for number in range(5000):
        with mistakes.collected():
            raise UserError(f"data/task-{number % 2500} is not there")
    with pytest.raises(UserError) as raised:
        mistakes.tell()
    assert len(raised.value.messages) == 2500
    assert str(raised.value).startswith("2500 mistakes:\n- data/task-0 is not there")
    assert str(raised.value).endswith("- and 2490 more")
    assert len(str(raised.value)) < 600


def test_one_mistake_is_told_as_one() -> None:
    mistakes = Mistakes()
    with mistakes.collected():
        pass
    mistakes.tell()
    for _ in range(2):
        with mistakes.collected():
            raise UserError("the lake is dry")
    with pytest.raises(UserError, match=r"^the lake is dry$"):
        mistakes.tell()


@pytest.mark.parametrize(("settings", "kind"), [({}, "bert"), ({"type_vocab_size": 1}, "roberta")])
def test_a_model_type_is_guessed_from_the_tensors_where_nothing_names_it(
    tmp_path: Path, settings: dict[str, Any], kind: str
) -> None:
    folder = changed(bert(tmp_path), model_type=None, architectures=None, **settings)
    with pytest.raises(UserError, match=f'add "model_type": "{kind}" to it'):
        check_folder(folder)


def test_the_advice_for_a_folder_with_pickled_weights_can_be_followed(tmp_path: Path) -> None:
    folder = pickled(saved(tmp_path / "old", BertModel(BertConfig(vocab_size=9, **SIZE))))
    with pytest.raises(UserError) as raised:
        locate(str(folder))
    command = re.search(r"convert it with (.*)$", str(raised.value))
    assert command is not None
    subprocess.run([warm.python(), "-c", f"from transformers import AutoModel; {command[1]}"], check=True)
    check_model(locate(str(folder)))


def test_the_advice_for_a_hub_id_with_pickled_weights_can_be_followed(tmp_path: Path) -> None:
    source = bert(tmp_path / "source")
    snapshot = into_cache(tmp_path / "cache", "someone/old-bert", source)
    pickled(snapshot)
    done = locate_in_a_new_process("someone/old-bert", None, tmp_path / "cache")
    assert "the hub's 'someone/old-bert' has no model.safetensors" in done.stderr
    advice = re.search(r'`python -c "(.*?)"` and write `source: (\S+)` in params.yaml', done.stderr)
    assert advice is not None
    environment = {"HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "PATH": ""}
    subprocess.run([sys.executable, "-c", advice[1]], env=environment, cwd=tmp_path, check=True)
    check_model(locate(advice[2], root=tmp_path))


def test_safetensors_on_the_hubs_conversion_branch_are_found_in_the_cache(tmp_path: Path) -> None:
    source = bert(tmp_path / "source")
    snapshot = into_cache(tmp_path / "cache", "someone/old-bert", source)
    pickled(snapshot)
    branch = snapshot.parent / ("f" * 40)
    branch.mkdir()
    for file in source.iterdir():
        (branch / file.name).write_bytes(file.read_bytes())
    reference = snapshot.parents[1] / "refs" / "refs" / "pr" / "7"
    reference.parent.mkdir(parents=True)
    reference.write_text(branch.name, encoding="utf-8")
    done = locate_in_a_new_process("someone/old-bert", None, tmp_path / "cache")
    assert done.stdout.strip() == str(branch), done.stderr


def foreign(config: Any) -> Architecture:
    return read(config.to_dict(), 2)


@pytest.mark.parametrize(
    "config",
    [
        NystromformerConfig(num_landmarks=8, segment_means_seq_len=8, **SIZE),
        ConvBertConfig(embedding_size=16, **SIZE),
        MobileBertConfig(num_hidden_layers=2),
    ],
    ids=lambda config: str(config.model_type),
)
def test_a_model_whose_logits_depend_on_padding_is_refused_by_a_measurement(config: Any) -> None:
    with pytest.raises(UserError, match=r"depend on what it is padded with \(by \d+% of their spread, measured\)"):
        check_padding(foreign(config), "config.json")


@pytest.mark.parametrize(
    "config",
    [
        ElectraConfig(embedding_size=16, **SIZE),
        DebertaV2Config(relative_attention=True, position_biased_input=False, pos_att_type=["p2c", "c2p"], **SIZE),
        ModernBertConfig(vocab_size=100, pad_token_id=99, local_attention=8, **SIZE),
    ],
    ids=lambda config: str(config.model_type),
)
def test_a_model_that_masks_its_padding_is_taken(config: Any) -> None:
    check_padding(foreign(config), "config.json")


def test_tensors_of_other_shapes_are_told_of_every_family(tmp_path: Path) -> None:
    model = ElectraModel(ElectraConfig(vocab_size=29, embedding_size=16, **SIZE))
    folder = changed(saved(tmp_path, model), vocab_size=9, num_hidden_layers=3)
    with pytest.raises(
        UserError, match=r"has shape \(29, 16\), config.json says \(9, 16\); no tensor electra\.encoder"
    ):
        check_model(folder)


@pytest.mark.parametrize(("in_config", "in_tokenizer"), [(1, 0), (2, 0), (0, 1), (5, 0), (None, 0)])
def test_positions_are_transformers_where_config_and_tokenizer_pad_with_other_ids(
    tmp_path: Path, in_config: int | None, in_tokenizer: int
) -> None:
    torch.manual_seed(0)
    config = RobertaConfig(vocab_size=9, type_vocab_size=1, pad_token_id=1 if in_config is None else in_config, **SIZE)
    model: Any = RobertaForSequenceClassification(config).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    model.save_pretrained(tmp_path)
    write_word_pieces(tmp_path, WORDS, 64)
    if in_config is None:
        changed(tmp_path, pad_token_id=None)
    if in_tokenizer:
        settings = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
        write_json(tmp_path / "tokenizer_config.json", settings | {"pad_token": "[UNK]"})
    lines = ["a ferry crosses a lake", "lake [PAD] ferry", "a", "swan ferry [PAD]"]
    found = tokenize(tmp_path, lines, None, 32)
    architecture = read_architecture(tmp_path, 2)
    texts = TokenizedTexts(
        found.ids,
        found.segments,
        found.offsets,
        np.zeros(4, dtype=np.int64),
        np.arange(4),
        places=families.of(architecture).places(architecture, found.ids, found.offsets),
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    kept = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        wanted = kept(**tokenizer(lines, padding=True, return_tensors="pt", return_token_type_ids=False)).logits
    weights = {name: tensor.detach().unsqueeze(0) for name, tensor in kept.named_parameters()}
    order = np.array([2, 0, 3, 1])
    encoder = encoder_of(architecture)
    batch = make_batch(texts.take(order), [np.arange(4)], torch.float64, torch.device("cpu"))
    by_kernel = encoder.classify(weights, batch)[0]
    torch.testing.assert_close(by_kernel, wanted[order], rtol=0, atol=1e-10)
    shape = BatchShape.of(found.lengths[None])
    on_device = device_batch(
        DeviceTexts(texts, torch.device("cpu"), segments=False), torch.from_numpy(order)[None], shape, torch.float64
    )
    torch.testing.assert_close(encoder.classify(weights, on_device)[0], wanted[order], rtol=0, atol=1e-10)
