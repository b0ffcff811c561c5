"""The embedded tasks: labelled data and plain text that a seeded grammar writes, with no network and no files."""

from stabbench.tasks.embedded.draws import Split
from stabbench.tasks.embedded.generation import (
    DEFAULT_SEED,
    DEFAULT_SIZE,
    NAMES,
    Example,
    corpus,
    corpus_pairs,
    generate,
)
from stabbench.tasks.embedded.lexicon import vocabulary

__all__ = [
    "DEFAULT_SEED",
    "DEFAULT_SIZE",
    "NAMES",
    "Example",
    "Split",
    "corpus",
    "corpus_pairs",
    "generate",
    "vocabulary",
]
