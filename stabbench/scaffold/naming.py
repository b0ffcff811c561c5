"""What the names of columns say: which are labels, which texts belong together, which tell whose a row is."""

from __future__ import annotations

import re
from collections.abc import Collection

LABELS = (
    "gold_label", "label", "labels", "target", "class", "category", "gold", "y", "sentiment", "intent", "topic",
    "stars", "score", "rating", "grade", "similarity", "polarity", "emotion", "stance", "verdict", "outcome",
    "tag", "type", "yield",
)  # fmt: skip
"""Names of label columns, the surest first."""
UNNAMED = 50.0
"""Of `label_rank`: that of a name which says nothing."""
_RATHER_NOT = (
    "id", "ids", "idx", "index", "uid", "uuid", "guid", "key", "row", "nr", "no", "line", "split", "fold",
    "source", "file", "url", "link", "lang", "language", "locale", "date", "time", "timestamp", "created",
    "updated", "year", "month", "day", "version", "user", "author", "customer", "client", "channel", "sender",
    "annotator", "worker",
)  # fmt: skip
_TEXT_NAMES = (
    "text", "sentence", "body", "content", "review", "comment", "question", "answer", "utterance", "tweet",
    "message", "description", "premise", "hypothesis", "title", "headline", "subject", "abstract", "summary",
    "passage", "document", "query", "claim", "evidence", "context", "post", "sequence",
)  # fmt: skip
"""Words in the names of columns that may be texts."""
TEXTS = (
    "text", "sentence", "body", "content", "review", "comment", "utterance", "tweet", "message", "description", "post",
)  # fmt: skip
"""Names of text columns."""
PAIRS = (
    ("premise", "hypothesis"), ("question", "sentence"), ("question", "passage"), ("question", "context"),
    ("question", "answer"), ("query", "document"), ("query", "passage"), ("context", "response"), ("claim", "evidence"),
    ("title", "body"), ("title", "text"), ("title", "description"), ("title", "content"), ("title", "abstract"),
    ("title", "review"), ("subject", "body"), ("subject", "message"), ("subject", "text"), ("subject", "description"),
    ("headline", "body"), ("headline", "text"), ("summary", "description"), ("summary", "text"), ("source", "target"),
)  # fmt: skip
"""Names of two texts that belong together, in their order."""
_SIDES = (("1", "2"), ("a", "b"), ("left", "right"), ("first", "second"))
_GROUPS = (
    "id", "ids", "uid", "uuid", "guid", "user", "author", "customer", "client", "patient", "subject", "speaker",
    "person", "document", "doc", "article", "thread", "conversation", "session", "dialog", "dialogue", "group",
    "url", "account", "writer",
)  # fmt: skip
ORDERS = (
    ("contradiction", "neutral", "entailment"),
    ("very negative", "negative", "neutral", "mixed", "positive", "very positive"),
    ("very low", "low", "medium", "normal", "high", "very high", "critical"),
    ("small", "medium", "large"),
    ("no", "maybe", "yes"),
    ("bad", "so-so", "ok", "good", "excellent"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("false", "true"),
    ("ham", "spam"),
)
"""Classes that have an order, by which they are known."""


def parts(name: str) -> tuple[str, ...]:
    """The words of a column's name in lower case: `Sentence1` and `sentence_1` are sentence, 1."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", name)
    return tuple(found for found in re.split(r"[^a-z0-9]+", spaced.lower()) if found)


def may_be_text(name: str) -> bool:
    """Whether a name speaks of a text."""
    return bool(set(_TEXT_NAMES) & set(parts(name)))


def label_rank(name: str) -> float:
    """How much a name says that it is a label: 0 for the surest, `UNNAMED` where nothing, 90 where another thing."""
    found, joined = parts(name), "_".join(parts(name))
    if joined in LABELS:
        return LABELS.index(joined)
    if found and set(_RATHER_NOT) & set(found):
        return 90
    in_it = [LABELS.index(part) for part in found if part in LABELS]
    return 30 + min(in_it) / 100 if in_it else UNNAMED


def tells_whose(name: str) -> bool:
    """Whether a name is that of an identifier, of which several rows may have the same."""
    return bool(set(_GROUPS) & set(parts(name))) or parts(name)[-1:] == ("pairid",)


def pair(names: Collection[str]) -> tuple[str, str] | None:
    """Two of some text columns that belong together by their names, or None."""
    by_name = {"_".join(parts(name)): name for name in names}
    for first, second in PAIRS:
        if first in by_name and second in by_name:
            return by_name[first], by_name[second]
    for joined, name in by_name.items():
        for one, other in _SIDES:
            pattern = rf"(^|_){one}(_|$)"
            twin = re.sub(pattern, rf"\g<1>{other}\g<2>", joined)
            if twin != joined and twin in by_name:
                return name, by_name[twin]
    return None


def in_order(classes: Collection[str]) -> tuple[list[str], str] | None:
    """Classes in an order that is known, and what is known of it; None where there is none.

    Of two classes the one that denies the other comes first: the second is the one that f1 is of.
    """
    lower = {name.lower(): name for name in classes}
    if len(lower) < len(classes):
        return None
    for order in ORDERS:
        if set(lower) <= set(order):
            return [lower[name] for name in order if name in lower], "from the least to the most"
    if len(lower) == 2:
        for name in lower:
            (other,) = set(lower) - {name}
            if re.fullmatch(rf"(not|non|no|un|in)[ _-]?{re.escape(other)}", name):
                return [lower[name], lower[other]], "what is not so first"
    return None
