"""Clauses as structures, how they are drawn and how they become words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from stabbench.tasks.embedded.draws import Draws
from stabbench.tasks.embedded.lexicon import (
    ACTORS,
    ADJECTIVES,
    ADVERBS,
    BE,
    DEFINITE,
    DO,
    INTRANSITIVE,
    NOUNS,
    PLACES,
    PREPOSITIONS,
    QUANTIFIERS,
    TRANSITIVE,
    Verb,
)

Position = Literal["initial", "middle", "final"]
POSITIONS: tuple[Position, ...] = ("initial", "middle", "final")


@dataclass(frozen=True)
class PrepositionalPhrase:
    """A preposition with its noun phrase."""

    preposition: str
    noun_phrase: NounPhrase


@dataclass(frozen=True)
class Relative:
    """A relative clause: "that VERB", "that VERB OTHER", or with an object gap "that OTHER VERB"."""

    verb: str
    other: NounPhrase | None
    object_gap: bool


@dataclass(frozen=True)
class NounPhrase:
    """Determiner, adjectives, noun (its singular names it), prepositional phrase, relative clause."""

    determiner: str
    adjectives: tuple[str, ...]
    noun: str
    plural: bool
    place: PrepositionalPhrase | None = None
    relative: Relative | None = None


@dataclass(frozen=True)
class Clause:
    """One statement; `place` only where there is no object, `passive` only where there is one."""

    subject: NounPhrase
    verb: str
    object: NounPhrase | None = None
    place: PrepositionalPhrase | None = None
    adverb: str | None = None
    position: Position = "final"
    negated: bool = False
    passive: bool = False


class Word(NamedTuple):
    """A word in its place; `other_number` is the wrong form of a verb that agrees with its subject."""

    text: str
    other_number: str | None = None


def draw_noun_phrase(draws: Draws, *, depth: int, quantified: bool = False, place: bool = False) -> NounPhrase:
    """A noun phrase with at most `depth` modifying phrases inside each other."""
    plural = draws.chance(0.5)
    determiner = draws.choice((QUANTIFIERS if quantified else DEFINITE)[plural])
    adjectives = (draws.choice(ADJECTIVES),) if draws.chance(0.25) else ()
    noun = draws.choice(PLACES if place else ACTORS)
    inside = relative = None
    if depth > 0:
        kind = draws.uniform()
        if kind < 0.35:
            inside = draw_prepositional_phrase(draws, depth=depth - 1)
        elif kind < 0.7 and not place:
            relative = draw_relative(draws)
    return NounPhrase(determiner, adjectives, noun, plural, inside, relative)


def draw_prepositional_phrase(draws: Draws, *, depth: int) -> PrepositionalPhrase:
    """A preposition before a place or an actor."""
    noun_phrase = draw_noun_phrase(draws, depth=depth, place=draws.chance(0.4))
    return PrepositionalPhrase(draws.choice(PREPOSITIONS), noun_phrase)


def draw_relative(draws: Draws) -> Relative:
    """A relative clause; what stands in it has no modifying phrase of its own."""
    if draws.chance(0.3):
        return Relative(draws.choice(tuple(INTRANSITIVE)), None, False)
    other = draw_noun_phrase(draws, depth=0)
    return Relative(draws.choice(tuple(TRANSITIVE)), other, draws.chance(0.5))


def draw_clause(
    draws: Draws,
    *,
    depth: int | None = None,
    quantified: float = 0.25,
    transitive: float = 0.6,
    negated: float = 0.2,
) -> Clause:
    """A clause; `quantified`, `transitive` and `negated` are probabilities.

    `depth` bounds the nesting of the subject; without it half of the subjects have no modifying
    phrase, and some have phrases inside phrases. A clause with a quantified subject is never
    negated, since its negation would have two readings.
    """
    if depth is None:
        depth = draws.weighted(((0, 0.3), (1, 0.4), (2, 0.3)))
    has_quantifier = draws.chance(quantified)
    subject = draw_noun_phrase(draws, depth=depth, quantified=has_quantifier)
    adverb = draws.choice(ADVERBS) if draws.chance(0.2) else None
    position = draws.choice(POSITIONS)
    is_negated = draws.chance(negated) and not has_quantifier
    if draws.chance(transitive):
        target = draw_noun_phrase(draws, depth=1 if depth > 0 and draws.chance(0.3) else 0)
        verb = draws.choice(tuple(TRANSITIVE))
        passive = draws.chance(0.25)
        return Clause(subject, verb, target, None, adverb, position, is_negated, passive)
    place = draw_prepositional_phrase(draws, depth=0) if draws.chance(0.2) else None
    return Clause(subject, draws.choice(tuple(INTRANSITIVE)), None, place, adverb, position, is_negated)


def verb_forms(verb: str) -> Verb:
    """The forms of a verb named by its plural."""
    return TRANSITIVE.get(verb) or INTRANSITIVE[verb]


def _agreeing(singular: str, plural: str, is_plural: bool) -> Word:
    return Word(plural, singular) if is_plural else Word(singular, plural)


def _finite(verb: str, is_plural: bool) -> Word:
    forms = verb_forms(verb)
    return _agreeing(forms.singular, forms.plural, is_plural)


def prepositional_words(phrase: PrepositionalPhrase) -> list[Word]:
    """The words of a prepositional phrase, in order."""
    return [Word(phrase.preposition), *noun_phrase_words(phrase.noun_phrase)]


def noun_phrase_words(phrase: NounPhrase) -> list[Word]:
    """The words of a noun phrase, in order."""
    noun = NOUNS[phrase.noun]
    words = [Word(phrase.determiner), *map(Word, phrase.adjectives)]
    words.append(Word(noun.plural if phrase.plural else noun.singular))
    if phrase.place is not None:
        words += prepositional_words(phrase.place)
    relative = phrase.relative
    if relative is not None:
        words.append(Word("that"))
        if relative.other is None:
            words.append(_finite(relative.verb, phrase.plural))
        elif relative.object_gap:
            words += [*noun_phrase_words(relative.other), _finite(relative.verb, relative.other.plural)]
        else:
            words += [_finite(relative.verb, phrase.plural), *noun_phrase_words(relative.other)]
    return words


def clause_words(clause: Clause) -> list[Word]:
    """The words of a clause, in order, without a full stop."""
    forms = verb_forms(clause.verb)
    first, second = clause.subject, clause.object
    if clause.passive and second is not None:
        first, second = second, first
    middle = [Word(clause.adverb)] if clause.adverb and clause.position == "middle" else []
    words = [Word(clause.adverb), Word(",")] if clause.adverb and clause.position == "initial" else []
    words += noun_phrase_words(first)
    if clause.passive and second is not None:
        words.append(_agreeing(BE[False], BE[True], first.plural))
        words += [Word("not")] if clause.negated else []
        words += [*middle, Word(forms.participle), Word("by")]
    elif clause.negated:
        words += [_agreeing(DO[False], DO[True], first.plural), Word("not"), *middle, Word(forms.plural)]
    else:
        words += [*middle, _agreeing(forms.singular, forms.plural, first.plural)]
    if second is not None:
        words += noun_phrase_words(second)
    if clause.place is not None:
        words += prepositional_words(clause.place)
    if clause.adverb and clause.position == "final":
        words.append(Word(clause.adverb))
    return words


def sentence_words(*clauses: Clause) -> list[Word]:
    """One sentence from clauses joined by "and", ended by a full stop."""
    words: list[Word] = []
    for clause in clauses:
        words += [Word("and")] if words else []
        words += clause_words(clause)
    return [*words, Word(".")]


def text_of(words: list[Word]) -> str:
    """Words joined by single blanks."""
    return " ".join(word.text for word in words)


def sentence(*clauses: Clause) -> str:
    """The text of one sentence from clauses joined by "and"."""
    return text_of(sentence_words(*clauses))
