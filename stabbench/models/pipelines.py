"""Tokenizers' pipelines: what makes the ids of a folder's texts, and when two of them make the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.errors import UserError
from stabbench.model_files import sentencepiece_only

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ROLES = ("cls", "sep", "pad", "mask", "unk")
_DECISIVE = ("added_tokens", "normalizer", "pre_tokenizer", "model", "post_processor")
"""The parts of a pipeline that decide ids; its decoder does not, truncation and padding are set for each use."""
_OFFSETS = {"trim_offsets", "add_prefix_space"}
"""Of a post-processor: what they change is where in the text a token stands."""
_SPACES = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
"""What older conversions of sentencepiece models do before a split at white space, which does the same."""


@dataclass(frozen=True)
class FolderTokenizer:
    """A tokenizer ready for use; whoever takes it sets truncation and padding for itself.

    `tokens` are the spellings of special tokens by role (`cls`, `sep`, `pad`, `mask`, `unk`). `cut_from` is the side
    that is cut, `right` or `left`. `gives_segments` tells whether transformers' tokenizer gives segment ids unasked.
    `as_written` tells whether it is the pipeline that tokenizer.json holds, or there is no tokenizer.json.
    """

    pipeline: Tokenizer
    tokens: Mapping[str, str]
    cut_from: str
    gives_segments: bool
    as_written: bool


def decisive_parts(pipeline: Tokenizer) -> dict[str, Any]:
    """The decisive parts of a pipeline as the library writes them, without what changes no ids.

    Scores of pieces are rounded: the library does not always read back the very number that is written.
    """
    written = json.loads(pipeline.to_str())
    found: dict[str, Any] = {name: written.get(name) for name in _DECISIVE}
    found["model"] = {name: value for name, value in found["model"].items() if value not in (None, "", False)}
    pieces = found["model"].get("vocab")
    if isinstance(pieces, list):
        found["model"]["vocab"] = [[piece, float(f"{score:.9g}")] for piece, score in pieces]
    if found["post_processor"]:
        found["post_processor"] = {key: value for key, value in found["post_processor"].items() if key not in _OFFSETS}
    steps, split = (found["normalizer"] or {}).get("normalizers"), found["pre_tokenizer"] or {}
    first = (split.get("pretokenizers") or [split])[0].get("type")
    if steps and first == "WhitespaceSplit":
        found["normalizer"] = {**found["normalizer"], "normalizers": [step for step in steps if step != _SPACES]}
    return found


def written_pipeline(path: Path) -> Tokenizer:
    """The pipeline that a tokenizer.json holds."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower class
        raise UserError(f"{path} is no tokenizer: {error}: copy or download it again") from error


def lacking_package(folder: Path) -> str | None:
    """What to install where a tokenizer is in a sentencepiece model alone and the package to read it is missing."""
    file = sentencepiece_only(folder)
    if file is None or (_installed("sentencepiece") and _installed("google.protobuf")):
        return None
    return (
        f"{folder} has its tokenizer in {file} alone, and reading that needs the package sentencepiece: run "
        "`pip install 'stabbench[sentencepiece]'`, or put a tokenizer.json beside it"
    )


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
