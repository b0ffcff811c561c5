"""Texts into token ids, segment ids and offsets, as `AutoTokenizer` and run_glue.py make them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stabbench.errors import UserError
from stabbench.models import families
from stabbench.models.folder import ModelFolder
from stabbench.models.pipelines import FolderTokenizer
from stabbench.models.tokenizer import read_tokenizer

if TYPE_CHECKING:
    from tokenizers import Encoding

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SpecialTokens:
    """The ids of a tokenizer's special tokens, and how it frames one text or a pair.

    ``pair_separators`` is the number of separators between the texts of a pair: BERT and ALBERT 1, RoBERTa 2.
    """

    cls: int
    sep: int
    pad: int
    mask: int
    unknown: int | None
    vocabulary_size: int
    segments: int
    pair_separators: int

    def frame(self, first: Int64, second: Int64 | None = None) -> tuple[Int64, Int64]:
        """Ids and segment ids, both ``[T]``, of one text or a pair given as ids without special tokens."""
        head = np.concatenate([[self.cls], first, [self.sep]]).astype(np.int64)
        if second is None:
            return head, np.zeros_like(head)
        tail = np.concatenate([[self.sep] * (self.pair_separators - 1), second, [self.sep]]).astype(np.int64)
        segment = 1 if self.segments > 1 else 0
        return np.concatenate([head, tail]), np.repeat(np.array([0, segment], dtype=np.int64), [len(head), len(tail)])


@dataclass(frozen=True)
class Tokenized:
    """A ragged batch of n sequences: sequence i is ``ids[offsets[i]:offsets[i + 1]]``.

    ``ids`` and ``segments`` are int64 ``[T]``, ``offsets`` int64 ``[n + 1]``.
    """

    ids: Int64
    segments: Int64
    offsets: Int64

    @property
    def lengths(self) -> Int64:
        """Tokens of each sequence, special tokens included, shape ``[n]``."""
        return np.diff(self.offsets)

    def split(self) -> list[Int64]:
        """The ids of each sequence."""
        return [self.ids[start:end] for start, end in pairwise(self.offsets)]


def tokenize(folder: Path, texts_a: Sequence[str], texts_b: Sequence[str] | None, max_length: int) -> Tokenized:
    """Tokenize texts or pairs with the tokenizer in `folder`, special tokens included.

    The ids are those of transformers' `AutoTokenizer` on the folder. Sequences longer than `max_length` are cut as
    run_glue.py cuts them: from the longer text of a pair first, at its end where the tokenizer does not say otherwise.
    The length and padding written in the folder's own tokenizer.json are ignored. Segment ids are 0 and 1 for the two
    texts where the model has segments (BERT, ALBERT) and 0 everywhere else (RoBERTa).

    Raises UserError where `max_length` is beyond the model's positions or too short, or the tokenizer is missing.
    """
    if texts_b is not None and len(texts_a) != len(texts_b):
        raise ValueError(f"{len(texts_a)} first texts but {len(texts_b)} second ones")
    found, special = _load(folder)
    tokenizer = found.pipeline
    pair = texts_b is not None
    smallest = tokenizer.num_special_tokens_to_add(pair) + (2 if pair else 1)
    limit = positions(folder)
    if max_length < smallest:
        raise UserError(f"max_length is {max_length}: expected at least {smallest}, special tokens included")
    if limit is not None and max_length > limit:
        raise UserError(f"max_length is {max_length}, but the model has {limit} positions: set it to {limit} or less")
    tokenizer.enable_truncation(max_length, strategy="longest_first", direction=found.cut_from)
    inputs = list(texts_a) if texts_b is None else list(zip(texts_a, texts_b, strict=True))
    return _joined(folder, tokenizer.encode_batch(inputs), special)


def encode(folder: Path, texts: Sequence[str]) -> Tokenized:
    """Token ids of whole texts, without special tokens and without truncation (long text is for chunking)."""
    found, special = _load(folder)
    encodings = found.pipeline.encode_batch_fast(list(texts), add_special_tokens=False)  # without places in the text
    return _joined(folder, encodings, special)


def special_tokens(folder: Path) -> SpecialTokens:
    """The special tokens of the tokenizer in `folder`."""
    return _load(folder)[1]


def positions(folder: Path) -> int | None:
    """The longest sequence that the model in `folder` has positions for, or None where it has no table of them.

    RoBERTa's table, and that of its relatives, begins after its padding id: 514 rows serve 512 tokens.
    """
    opened = ModelFolder.at(folder)
    family = families.reading(opened.config)
    rows = family.field(opened.config, "max_position_embeddings")
    return None if rows is None else int(rows) - family.first_position(opened.config)


def _load(folder: Path) -> tuple[FolderTokenizer, SpecialTokens]:
    found = read_tokenizer(folder)
    found.pipeline.no_truncation()
    found.pipeline.no_padding()
    return found, _special(folder, found)


def _special(folder: Path, found: FolderTokenizer) -> SpecialTokens:
    pipeline = found.pipeline

    def of(role: str, *usual: str) -> int:
        spellings = [*([found.tokens[role]] if role in found.tokens else []), *usual]
        for spelling in spellings:
            number = pipeline.token_to_id(spelling)
            if number is not None:
                return int(number)
        raise UserError(
            f"the tokenizer in {folder} has no {role} token (looked for {', '.join(spellings)}): "
            "stabbench needs a masked language model's tokenizer"
        )

    unknown = [pipeline.token_to_id(spelling) for spelling in (found.tokens.get("unk", "[UNK]"), "[UNK]", "<unk>")]
    opened = ModelFolder.at(folder)
    config, family = opened.config, families.reading(opened.config)
    return SpecialTokens(
        cls=of("cls", "[CLS]", "<s>"),
        sep=of("sep", "[SEP]", "</s>"),
        pad=of("pad", "[PAD]", "<pad>"),
        mask=of("mask", "[MASK]", "<mask>"),
        unknown=next((number for number in unknown if number is not None), None),
        vocabulary_size=int(family.field(config, "vocab_size") or pipeline.get_vocab_size()),
        segments=int(family.field(config, "type_vocab_size") or 0),
        pair_separators=max(1, pipeline.num_special_tokens_to_add(True) - 2),
    )


def _flat(lists: Iterable[list[int]]) -> Int64:
    return np.fromiter(chain.from_iterable(lists), dtype=np.int64)


def _joined(folder: Path, encodings: list[Encoding], special: SpecialTokens) -> Tokenized:
    ids = _flat(encoding.ids for encoding in encodings)
    if len(ids) and ids.max() >= special.vocabulary_size:
        raise UserError(
            f"the tokenizer in {folder} gives id {ids.max()}, but the model's vocab_size is {special.vocabulary_size}: "
            "the two do not belong together"
        )
    segments = _flat(encoding.type_ids for encoding in encodings) if special.segments > 1 else np.zeros_like(ids)
    offsets = np.zeros(len(encodings) + 1, dtype=np.int64)
    np.cumsum([len(encoding.ids) for encoding in encodings], out=offsets[1:])
    return Tokenized(ids, segments, offsets)
