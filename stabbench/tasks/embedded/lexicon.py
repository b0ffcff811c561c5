"""The words of the embedded tasks: forms, classes, synonyms and hypernyms."""

from __future__ import annotations

from typing import NamedTuple


class Noun(NamedTuple):
    """A noun with its singular and plural form; `kind` is person, animal, thing or place."""

    singular: str
    plural: str
    kind: str


class Verb(NamedTuple):
    """A verb with its third person singular, plural (also the base form) and past participle."""

    singular: str
    plural: str
    participle: str


def _nouns(kind: str, listed: str) -> dict[str, Noun]:
    pairs = (entry.split("/") if "/" in entry else (entry, entry + "s") for entry in listed.split())
    return {singular: Noun(singular, plural, kind) for singular, plural in pairs}


def _verbs(listed: str) -> dict[str, Verb]:
    forms = (entry.split("/") for entry in listed.split())
    return {plural: Verb(singular, plural, participle) for plural, singular, participle in forms}


NOUNS: dict[str, Noun] = {
    **_nouns("person", "doctor physician boy lad teacher singer person/people"),
    **_nouns("animal", "dog hound cat rabbit bunny/bunnies fox/foxes animal"),
    **_nouns("place", "house home river garden"),
}
"""Nouns by their singular. Persons and animals act; places stand in prepositional phrases only."""

ACTORS: tuple[str, ...] = tuple(name for name, noun in NOUNS.items() if noun.kind != "place")
PLACES: tuple[str, ...] = tuple(name for name, noun in NOUNS.items() if noun.kind == "place")

TRANSITIVE: dict[str, Verb] = _verbs(
    "chase/chases/chased pursue/pursues/pursued help/helps/helped assist/assists/assisted admire/admires/admired "
    "adore/adores/adored watch/watches/watched observe/observes/observed greet/greets/greeted avoid/avoids/avoided"
)
INTRANSITIVE: dict[str, Verb] = _verbs(
    "sleep/sleeps/slept rest/rests/rested jump/jumps/jumped leap/leaps/leapt sing/sings/sung wait/waits/waited"
)
"""Verbs by their plural; an intransitive verb's participle is never used."""

ADJECTIVES: tuple[str, ...] = (
    "big", "large", "small", "little", "happy", "glad", "brave", "bold", "old", "young",
)  # fmt: skip
ADVERBS: tuple[str, ...] = ("quickly", "rapidly", "quietly", "silently", "loudly", "often")
PREPOSITIONS: tuple[str, ...] = ("behind", "beside", "above", "with")

DEFINITE: dict[bool, tuple[str, ...]] = {False: ("the", "this"), True: ("the", "these")}
"""Determiners without scope, by plural."""
QUANTIFIERS: dict[bool, tuple[str, ...]] = {
    False: ("every", "some", "no", "each"),
    True: ("all", "some", "no", "most", "many", "few"),
}
"""Determiners with scope, by plural."""

SYNONYMS: tuple[tuple[str, str], ...] = (
    ("doctor", "physician"), ("boy", "lad"), ("dog", "hound"), ("rabbit", "bunny"), ("house", "home"),
    ("chase", "pursue"), ("help", "assist"), ("admire", "adore"), ("watch", "observe"), ("sleep", "rest"),
    ("jump", "leap"), ("big", "large"), ("small", "little"), ("happy", "glad"), ("brave", "bold"),
    ("quickly", "rapidly"), ("quietly", "silently"),
)  # fmt: skip
SYNONYM: dict[str, str] = {a: b for pair in SYNONYMS for a, b in (pair, pair[::-1])}
"""The synonym of a lemma, for those that have one."""

HYPERNYM: dict[str, str] = {
    name: noun.kind for name, noun in NOUNS.items() if noun.kind in ("person", "animal") and name != noun.kind
}
"""person or animal, for each noun that names a kind of one."""

FUNCTION_WORDS: tuple[str, ...] = ("that", "by", "is", "are", "not", "does", "do", "and", ",", ".")
BE: dict[bool, str] = {False: "is", True: "are"}
DO: dict[bool, str] = {False: "does", True: "do"}


def vocabulary() -> list[str]:
    """Every word and punctuation mark that a sentence can hold, in lower case, sorted."""
    words = {*FUNCTION_WORDS, *ADJECTIVES, *ADVERBS, *PREPOSITIONS}
    words.update(*DEFINITE.values(), *QUANTIFIERS.values(), *TRANSITIVE.values())
    for entry in (*NOUNS.values(), *INTRANSITIVE.values()):
        words.update(entry[:2])  # singular and plural
    return sorted(words)
