"""Whether a row of words is a sentence of the grammar, whichever way it may be read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from stabbench.tasks.embedded.lexicon import (
    ADJECTIVES,
    ADVERBS,
    BE,
    DEFINITE,
    DO,
    INTRANSITIVE,
    NOUNS,
    PREPOSITIONS,
    QUANTIFIERS,
    TRANSITIVE,
)

_NUMBERS = ("singular", "plural")


def _rules() -> dict[str, list[tuple[str, ...]]]:
    """Context-free rules; a symbol that has none is a class of words, a `?` marks what may be left out."""
    rules: dict[str, list[tuple[str, ...]]] = {
        "sentence": [("clause", "."), ("clause", "and", "clause", ".")],
        "clause": [(*start, f"np-{n}", f"vp-{n}") for n in _NUMBERS for start in ((), ("adverb", ","))],
        "np": [(f"np-{n}",) for n in _NUMBERS],
        "pp": [("preposition", "np")],
        "adjectives": [("adjective",), ("adjective", "adjectives")],
    }
    for n in _NUMBERS:
        rules[f"np-{n}"] = [(f"determiner-{n}", "adjectives?", f"noun-{n}", "pp?", f"relative-{n}?")]
        rules[f"relative-{n}"] = [
            ("that", f"intransitive-{n}"),
            ("that", f"transitive-{n}", "np"),
            *(("that", f"np-{m}", f"transitive-{m}") for m in _NUMBERS),
        ]
        rules[f"vp-{n}"] = [
            ("adverb?", f"intransitive-{n}", "pp?", "adverb?"),
            ("adverb?", f"transitive-{n}", "np", "adverb?"),
            (f"do-{n}", "not", "adverb?", "intransitive-plural", "pp?", "adverb?"),
            (f"do-{n}", "not", "adverb?", "transitive-plural", "np", "adverb?"),
            (f"be-{n}", "adverb?", "participle", "by", "np", "adverb?"),
            (f"be-{n}", "not", "adverb?", "participle", "by", "np", "adverb?"),
        ]
    return rules


def _classes() -> dict[str, frozenset[str]]:
    classes = {
        "adjective": frozenset(ADJECTIVES),
        "adverb": frozenset(ADVERBS),
        "preposition": frozenset(PREPOSITIONS),
        "participle": frozenset(verb.participle for verb in TRANSITIVE.values()),
        **{word: frozenset((word,)) for word in ("that", "by", "not", "and", ",", ".")},
    }
    for plural, n in enumerate(_NUMBERS):
        classes[f"determiner-{n}"] = frozenset(DEFINITE[bool(plural)]) | frozenset(QUANTIFIERS[bool(plural)])
        classes[f"noun-{n}"] = frozenset(noun[plural] for noun in NOUNS.values())
        classes[f"transitive-{n}"] = frozenset(verb[plural] for verb in TRANSITIVE.values())
        classes[f"intransitive-{n}"] = frozenset(verb[plural] for verb in INTRANSITIVE.values())
        classes[f"be-{n}"] = frozenset((BE[bool(plural)],))
        classes[f"do-{n}"] = frozenset((DO[bool(plural)],))
    return classes


_RULES = _rules()
_CLASSES = _classes()


def is_sentence(words: Sequence[str]) -> bool:
    """True where `words`, the full stop among them, has at least one reading in the grammar."""

    @cache
    def ends(symbol: str, start: int) -> frozenset[int]:
        if symbol in _CLASSES:
            return frozenset((start + 1,)) if start < len(words) and words[start] in _CLASSES[symbol] else frozenset()
        found: set[int] = set()
        for rule in _RULES[symbol]:
            reached = {start}
            for part in rule:
                name = part.removesuffix("?")
                after = {end for place in reached for end in ends(name, place)}
                reached = after | reached if part.endswith("?") else after
                if not reached:
                    break
            found |= reached
        return frozenset(found)

    return len(words) in ends("sentence", 0)
