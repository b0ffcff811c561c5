"""Rewritings of a clause that keep its meaning, and changes that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from stabbench.tasks.embedded.draws import Draws
from stabbench.tasks.embedded.grammar import POSITIONS, Clause, NounPhrase, PrepositionalPhrase
from stabbench.tasks.embedded.lexicon import (
    ACTORS,
    ADJECTIVES,
    ADVERBS,
    DEFINITE,
    HYPERNYM,
    INTRANSITIVE,
    PLACES,
    PREPOSITIONS,
    SYNONYM,
    TRANSITIVE,
)

Kind = Literal["adjective", "noun", "preposition", "verb", "adverb"]
Rewriting = Callable[[Clause, Draws], Clause | None]
"""Gives the rewritten clause, or None where the clause does not allow it."""


def is_definite(phrase: NounPhrase) -> bool:
    """True where the determiner has no scope ("the", "this", "these")."""
    return phrase.determiner in DEFINITE[phrase.plural]


def map_lemmas(clause: Clause, function: Callable[[Kind, str], str]) -> Clause:
    """The clause with every content word passed through `function`, always in the same order."""

    def phrase(old: NounPhrase) -> NounPhrase:
        adjectives = tuple(function("adjective", word) for word in old.adjectives)
        noun = function("noun", old.noun)
        place = prepositional(old.place)
        relative = old.relative
        if relative is not None:
            other = None if relative.other is None else phrase(relative.other)
            relative = replace(relative, verb=function("verb", relative.verb), other=other)
        return replace(old, adjectives=adjectives, noun=noun, place=place, relative=relative)

    def prepositional(old: PrepositionalPhrase | None) -> PrepositionalPhrase | None:
        if old is None:
            return None
        return PrepositionalPhrase(function("preposition", old.preposition), phrase(old.noun_phrase))

    return replace(
        clause,
        subject=phrase(clause.subject),
        verb=function("verb", clause.verb),
        object=None if clause.object is None else phrase(clause.object),
        place=prepositional(clause.place),
        adverb=None if clause.adverb is None else function("adverb", clause.adverb),
    )


def lemmas(clause: Clause) -> list[tuple[Kind, str]]:
    """Every content word with its kind, in the order of `map_lemmas`."""
    found: list[tuple[Kind, str]] = []

    def note(kind: Kind, word: str) -> str:
        found.append((kind, word))
        return word

    map_lemmas(clause, note)
    return found


def with_lemma(clause: Clause, index: int, word: str) -> Clause:
    """The clause with the content word at `index` (in the order of `lemmas`) replaced."""
    places = iter(range(len(lemmas(clause))))
    return map_lemmas(clause, lambda _, old: word if next(places) == index else old)


def alternatives(kind: Kind, word: str) -> list[str]:
    """Words that could stand for `word` and mean something else: no synonym, hypernym or hyponym."""
    if kind == "verb":
        listed = tuple(TRANSITIVE) if word in TRANSITIVE else tuple(INTRANSITIVE)
    elif kind == "noun":
        listed = PLACES if word in PLACES else ACTORS
    else:
        listed = {"adjective": ADJECTIVES, "adverb": ADVERBS, "preposition": PREPOSITIONS}[kind]
    related = {word, SYNONYM.get(word), HYPERNYM.get(word)}
    return [other for other in listed if other not in related and HYPERNYM.get(other) != word]


def other_voice(clause: Clause, draws: Draws) -> Clause | None:
    """Active for passive and the reverse."""
    return None if clause.object is None else replace(clause, passive=not clause.passive)


def synonym(clause: Clause, draws: Draws) -> Clause | None:
    """One content word replaced by its synonym."""
    places = [index for index, (_, word) in enumerate(lemmas(clause)) if word in SYNONYM]
    if not places:
        return None
    index = draws.choice(places)
    return with_lemma(clause, index, SYNONYM[lemmas(clause)[index][1]])


def moved_adverb(clause: Clause, draws: Draws) -> Clause | None:
    """The adverb in another place, where neither negation nor a quantifier makes the place matter."""
    if clause.adverb is None or clause.negated or not is_definite(clause.subject):
        return None
    return replace(clause, position=draws.choice([place for place in POSITIONS if place != clause.position]))


def other_universal(clause: Clause, draws: Draws) -> Clause | None:
    """ "every" or "each" with the singular for "all" with the plural, and the reverse."""
    subject = clause.subject
    if subject.determiner in ("every", "each"):
        return replace(clause, subject=replace(subject, determiner="all", plural=True))
    if subject.determiner == "all":
        return replace(clause, subject=replace(subject, determiner=draws.choice(("every", "each")), plural=False))
    return None


PRESERVING: tuple[Rewriting, ...] = (other_voice, synonym, synonym, moved_adverb, other_universal)
"""What keeps the meaning; synonyms twice, being possible most often."""


def restated(clause: Clause, draws: Draws, rewritings: int) -> Clause:
    """The clause after `rewritings` tries of rewritings that keep its meaning."""
    for _ in range(rewritings):
        clause = draws.choice(PRESERVING)(clause, draws) or clause
    return clause


def swapped_roles(clause: Clause, draws: Draws) -> Clause | None:
    """Who acts and who is acted upon exchanged."""
    other = clause.object
    if other is None or not is_definite(clause.subject):
        return None
    same = other.noun == clause.subject.noun or SYNONYM.get(other.noun) == clause.subject.noun
    return None if same else replace(clause, subject=other, object=clause.subject)


def changed_word(clause: Clause, draws: Draws) -> Clause | None:
    """One content word replaced by another of its class that means something else."""
    listed = lemmas(clause)
    index = int(draws.uniform() * len(listed))
    return with_lemma(clause, index, draws.choice(alternatives(*listed[index])))


def changed_negation(clause: Clause, draws: Draws) -> Clause | None:
    """ "not" put in or taken out."""
    return replace(clause, negated=not clause.negated) if is_definite(clause.subject) else None
