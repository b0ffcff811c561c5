"""Examples of the embedded tasks and text of their grammar, each a function of a seed and a split."""

from __future__ import annotations

from typing import NamedTuple

from stabbench.datasets import DATASETS
from stabbench.tasks.embedded import acceptability, entailment, paraphrase
from stabbench.tasks.embedded.draws import Draws, Split, split_of
from stabbench.tasks.embedded.grammar import draw_clause, sentence
from stabbench.tasks.embedded.rewriting import restated

NAMES = tuple(name for name, dataset in DATASETS.items() if dataset.kind == "embedded")
DEFAULT_SIZE = 500
DEFAULT_SEED = 0


class Example(NamedTuple):
    """One labelled example; `text_b` is None in single-sentence tasks."""

    text_a: str
    text_b: str | None
    label: int


def _drawn(name: str, draws: Draws) -> tuple[Example, tuple[str, ...]]:
    """An example and every text that must stand on its side of the split."""
    if name == "acceptability":
        text, label, intact = acceptability.draw(draws)
        return Example(text, None, label), (text, intact)
    first, second, label = (paraphrase if name == "paraphrase" else entailment).draw(draws)
    return Example(first, second, label), (first, second)


def generate(name: str, split: Split, size: int, seed: int = DEFAULT_SEED) -> list[Example]:
    """`size` different examples of an embedded task.

    A smaller size gives the first examples of a larger one. No text of one split occurs in the other,
    whatever the seeds and sizes; nor does the intact form of a broken sentence. ValueError for an
    unknown name. Labels are independent draws with the task's shares.
    """
    if name not in NAMES:
        raise ValueError(f"no embedded task is named {name!r}")
    draws = Draws(seed, f"{name}/{split}")
    found: dict[Example, None] = {}
    while len(found) < size:
        example, texts = _drawn(name, draws)
        label = example.label
        while example.label != label or example in found or any(split_of(text) != split for text in texts):
            example, texts = _drawn(name, draws)
        found[example] = None
    return list(found)


def _text(draws: Draws, split: Split) -> tuple[str, ...]:
    """One sentence, or two of which the second restates the first, all on one side of the split."""
    kind = draws.uniform()
    while True:
        clause = draw_clause(draws)
        if kind < 0.65:
            sentences: tuple[str, ...] = (sentence(clause),)
        elif kind < 0.75:
            sentences = (sentence(clause, draw_clause(draws, depth=0)),)
        else:
            sentences = (sentence(clause), sentence(restated(clause, draws, 2)))
        if all(split_of(text) == split for text in sentences):
            return sentences


def corpus(sentences: int, seed: int = DEFAULT_SEED, split: Split = "train") -> list[str]:
    """Lines of unlabelled, correct text for masked-LM pretraining ("train") or held out ("dev").

    A quarter of the lines hold two sentences, the second a restatement of the first, since text repeats
    itself. No sentence of one split is in the other, nor in the other split of an embedded task.
    A smaller number of lines gives the first of a larger one.
    """
    draws = Draws(seed, f"corpus/{split}")
    return [" ".join(_text(draws, split)) for _ in range(sentences)]


def corpus_pairs(pairs: int, seed: int = DEFAULT_SEED, split: Split = "train") -> list[tuple[str, str]]:
    """Neighbouring sentences, the second restating the first: for pretraining with both segments."""
    draws = Draws(seed, f"corpus-pairs/{split}")
    found: list[tuple[str, str]] = []
    while len(found) < pairs:
        clause = draw_clause(draws)
        first, second = sentence(clause), sentence(restated(clause, draws, 2))
        if split_of(first) == split_of(second) == split:
            found.append((first, second))
    return found
