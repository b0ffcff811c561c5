"""Older checkpoints become folders that are read here, wherever they lie, with nothing of them run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from transformers import AutoTokenizer, BertForMaskedLM

from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.models.conversion import convert
from stabbench.models.sources import content_hash, locate
from stabbench.models.tensor_files import read_tensors
from stabbench.models.tokenizer import read_tokenizer
from tests.models.old_checkpoints import INSIDE, SYMBOLS, as_wheel, old_package


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return old_package(tmp_path)


def converted(source: object, out: Path, inside: str | None = "bert_pretrained", split: str | None = "smiles") -> Path:
    convert(str(source), out, inside=inside, split=split)
    return out


def test_folder_wheel_and_installed_package_give_the_same_model(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    sources = (package, as_wheel(package), "package:oldbert")
    folders = [converted(source, tmp_path / f"out-{number}") for number, source in enumerate(sources)]
    assert len({content_hash(locate(str(folder))) for folder in folders}) == 1


def test_every_tensor_keeps_name_and_value_and_the_masked_lm_head_is_read(package: Path, tmp_path: Path) -> None:
    out = converted(package, tmp_path / "out")
    before = torch.load(package / INSIDE / "pytorch_model.bin", weights_only=True)
    after = read_tensors(out)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    loaded: Any = BertForMaskedLM.from_pretrained(str(out), output_loading_info=True)
    model, info = loaded
    assert not info["missing_keys"]
    assert torch.equal(model.cls.predictions.bias, before["cls.predictions.bias"])


def test_symbols_are_found_whole_and_what_is_none_of_them_is_unknown(package: Path, tmp_path: Path) -> None:
    out = converted(package, tmp_path / "out")
    expected = ["[CLS]", "C", "C", "(", "=", "O", ")", "Cl", ".", "[Na+]", ">>", "c", "1", "[UNK]", "[SEP]"]
    encoded = read_tokenizer(out).pipeline.encode("CC(=O)Cl.[Na+]>>c1[Xe]")
    assert encoded.ids == [SYMBOLS.index(token) for token in expected]
    assert AutoTokenizer.from_pretrained(str(out))("CC(=O)Cl.[Na+]>>c1[Xe]")["input_ids"] == encoded.ids


def test_a_folder_that_is_read_already_can_be_had_with_other_settings(package: Path, tmp_path: Path) -> None:
    first = converted(package, tmp_path / "first")
    second = tmp_path / "second"
    words = ["convert", str(first), "--set", "hidden_dropout_prob=0.7987", "--set", "name=x", "--out", str(second)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    config = json.loads((second / "config.json").read_text(encoding="utf-8"))
    assert (config["hidden_dropout_prob"], config["name"], config["model_type"]) == (0.7987, "x", "bert")
    assert content_hash(first) != content_hash(second)
    assert result.output == (
        f"{second}: bert, {len(read_tensors(first))} tensors; content {content_hash(second)[:12]}\n"
    )
    for name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        assert (second / name).read_bytes() == (first / name).read_bytes()


def test_names_of_2018_are_those_of_today(package: Path, tmp_path: Path) -> None:
    path = package / INSIDE / "pytorch_model.bin"
    before = torch.load(path, weights_only=True)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in before.items()
    }
    assert old.keys() != before.keys()
    today = converted(package, tmp_path / "today")
    torch.save(old, path)
    assert content_hash(converted(package, tmp_path / "old")) == content_hash(today)


def test_of_several_checkpoints_one_has_to_be_named(package: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"holds 2 checkpoints, expected one: .*\(--inside\) of .*bert_ft, .*pretrained"
    ):
        converted(package, tmp_path / "out", inside=None)
    with pytest.raises(UserError, match="holds no checkpoint in a folder ft"):
        converted(package, tmp_path / "out", inside="ft")
    one = converted(as_wheel(package), tmp_path / "one", inside="transformers/bert_ft/")
    assert content_hash(one) != content_hash(converted(package, tmp_path / "other"))


def test_nothing_that_a_pickle_asks_for_is_run(package: Path, tmp_path: Path) -> None:
    class Asks:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "run"),)

    (package / INSIDE / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Asks()}))
    with pytest.raises(UserError, match="holds more than tensors or is cut off"):
        converted(package, tmp_path / "out")
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", b"{", "config.json is not JSON"),
        ("config.json", b"[]", "holds no JSON object"),
        ("pytorch_model.bin", b"PK", "holds more than tensors or is cut off"),
        ("vocab.txt", b"[PAD]\nC\nO\n", r"lacks \[CLS\], \[SEP\], \[UNK\], \[MASK\]"),
        ("vocab.txt", "\n".join([*SYMBOLS, "C"]).encode(), "has a symbol twice"),
        ("vocab.txt", None, "has no vocab.txt"),
    ],
)
def test_a_damaged_checkpoint_is_named(
    package: Path, tmp_path: Path, file: str, content: bytes | None, message: str
) -> None:
    path = package / INSIDE / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        converted(package, tmp_path / "out")


def test_what_is_no_source_no_expression_or_no_place_to_write_is_told(package: Path, tmp_path: Path) -> None:
    (tmp_path / "text.whl").write_text("no archive", encoding="utf-8")
    for source, message in (
        (tmp_path / "none", "there is no .*none"),
        (tmp_path / "text.whl", "is no zip archive"),
        ("package:no-such-package", "is not installed"),
    ):
        with pytest.raises(UserError, match=message):
            converted(source, tmp_path / "out")
    with pytest.raises(UserError, match=r"found --split '\(', expected smiles or a regular expression"):
        converted(package, tmp_path / "out", split="(")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="mine holds other files, which would be replaced"):
        converted(package, tmp_path / "mine")
    result = CliRunner().invoke(main, ["convert", str(package), "--set", "dropout", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "found --set dropout, expected a field and its value such as hidden_dropout_prob=0.2" in result.output


def test_a_model_type_that_nothing_tells_has_to_be_named(package: Path, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, package / INSIDE / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"names no model_type, and its tensors do not tell"):
        converted(package, tmp_path / "out")


def test_without_a_split_the_tokenizer_is_the_checkpoints_own(package: Path, tmp_path: Path) -> None:
    out = converted(package, tmp_path / "out", split=None)
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors", "vocab.txt"]
    shutil.copyfile(package / INSIDE / "vocab.txt", tmp_path / "vocab.txt")
    (package / INSIDE / "vocab.txt").unlink()
    with pytest.raises(UserError, match=r"has no tokenizer: expected tokenizer\.json"):
        converted(package, tmp_path / "other", split=None)
