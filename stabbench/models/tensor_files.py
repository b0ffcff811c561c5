"""The safetensors files of a model's folder, one or several shards: names, shapes, hashes and tensors."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.errors import UserError
from stabbench.files import read_json
from stabbench.model_files import INDEX, WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, one or its shards in the order of their names."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        raise UserError(f"no {WEIGHTS} in {folder}: weights are read as safetensors only")
    names = sorted(set(read_json(folder / INDEX)["weight_map"].values()))
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise UserError(f"{folder / INDEX} names '{name}', expected safetensors files of the same folder")
    return [folder / name for name in names]


def read_tensors(folder: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, Tensor]:
    """The tensors of a folder whose name is `wanted`, by name; all of them where nothing else is said."""
    from safetensors import safe_open

    found: dict[str, Tensor] = {}
    for file in weight_files(folder):
        with safe_open(file, framework="pt") as content:
            found |= {name: content.get_tensor(name) for name in content.keys() if wanted(name)}  # noqa: SIM118
    return found


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor, from the heads of the safetensors files."""
    found: dict[str, tuple[int, ...]] = {}
    for file in weight_files(folder):
        with _opened(file) as (_, entries):
            found |= {name: tuple(entry["shape"]) for name, entry in entries.items()}
    return found


def tensor_hashes(folder: Path) -> Iterator[list[Any]]:
    """[name, dtype, shape, SHA-256 of the bytes] of each tensor: the safetensors layout, read without any framework."""
    for file in weight_files(folder):
        with _opened(file) as (content, entries):
            for name, entry in entries.items():
                begin, end = entry["data_offsets"]
                if end > len(content):
                    raise UserError(f"{file} is cut off: copy or download it again")
                digest = hashlib.sha256(content[begin:end]).hexdigest()
                yield [name, entry["dtype"], entry["shape"], digest]


@contextmanager
def _opened(file: Path) -> Iterator[tuple[memoryview, dict[str, Any]]]:
    """The bytes of a safetensors file's tensors, and what its head says of each tensor."""
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        size = int.from_bytes(mapped[:8], "little")
        try:
            head = json.loads(mapped[8 : 8 + size])
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{file} is not a safetensors file: copy or download it again") from error
        with memoryview(mapped) as whole, whole[8 + size :] as content:
            yield content, {name: entry for name, entry in head.items() if name != "__metadata__"}
