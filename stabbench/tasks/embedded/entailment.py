"""The embedded entailment task: whether a hypothesis follows from a premise.

What follows depends on where a word stands: leaving out a modifier gives a weaker statement after
"some" or "the" ("some old dog sleeps", "some dog sleeps") but a stronger one after "every" or "no",
and under negation. So both labels come with shorter, longer and equally long hypotheses.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from stabbench.tasks.embedded.draws import Draws
from stabbench.tasks.embedded.grammar import (
    Clause,
    NounPhrase,
    draw_clause,
    draw_prepositional_phrase,
    draw_relative,
    sentence,
)
from stabbench.tasks.embedded.lexicon import ADJECTIVES, ADVERBS, DEFINITE, HYPERNYM
from stabbench.tasks.embedded.rewriting import (
    Rewriting,
    changed_negation,
    changed_word,
    is_definite,
    restated,
    swapped_roles,
)

FOLLOWS = 0.5
"""Share of pairs whose hypothesis follows (label 0, entailment)."""

UNIVERSAL = ("every", "each", "all")
RESTRICTOR_DOWNWARD = (*UNIVERSAL, "no")
PREDICATE_DOWNWARD = ("no", "few")
CLOSED = ("most", "many", "few")
"""After these, neither a wider nor a narrower noun phrase follows."""


def _is_negative(clause: Clause) -> bool:
    return clause.negated or clause.subject.determiner in PREDICATE_DOWNWARD


def _narrower(phrase: NounPhrase, draws: Draws) -> NounPhrase | None:
    """A noun phrase for fewer things: one more modifier, or a hyponym."""
    choices: list[NounPhrase] = []
    if not phrase.adjectives:
        choices.append(replace(phrase, adjectives=(draws.choice(ADJECTIVES),)))
    if phrase.place is None and phrase.relative is None:
        choices.append(replace(phrase, place=draw_prepositional_phrase(draws, depth=0)))
        choices.append(replace(phrase, relative=draw_relative(draws)))
    kinds = [name for name, hypernym in HYPERNYM.items() if hypernym == phrase.noun]
    if kinds:
        choices.append(replace(phrase, noun=draws.choice(kinds)))
    return draws.choice(choices) if choices else None


def _wider(phrase: NounPhrase, draws: Draws) -> NounPhrase | None:
    """A noun phrase for more things: a modifier less, or the hypernym."""
    choices: list[NounPhrase] = []
    if phrase.adjectives:
        choices.append(replace(phrase, adjectives=()))
    if phrase.place is not None or phrase.relative is not None:
        choices.append(replace(phrase, place=None, relative=None))
    if phrase.noun in HYPERNYM:
        choices.append(replace(phrase, noun=HYPERNYM[phrase.noun]))
    return draws.choice(choices) if choices else None


def _other_phrase(clause: Clause, draws: Draws, *, follows: bool) -> Clause | None:
    """A wider or narrower noun phrase, whichever follows in its place, or does not."""
    if clause.object is not None and draws.chance(0.4):
        if _is_negative(clause):
            return None
        other = (_wider if follows else _narrower)(clause.object, draws)
        return None if other is None else replace(clause, object=other)
    determiner = clause.subject.determiner
    if determiner in CLOSED:
        return None
    widen = follows != (determiner in RESTRICTOR_DOWNWARD)
    subject = (_wider if widen else _narrower)(clause.subject, draws)
    return None if subject is None else replace(clause, subject=subject)


def _other_predicate(clause: Clause, draws: Draws, *, follows: bool) -> Clause | None:
    """An adverb less where the statement is positive and one more where it is negative, or the reverse."""
    downward = _is_negative(clause)
    if follows == downward:
        if clause.adverb is not None:
            return None
        return replace(clause, adverb=draws.choice(ADVERBS), position="middle")
    if clause.adverb is None or (downward and clause.position != "middle"):
        return None
    return replace(clause, adverb=None)


def _with_determiner(clause: Clause, determiner: str) -> Clause:
    plural = determiner in ("all", "most", "many", "few") or (
        determiner not in ("every", "each") and clause.subject.plural
    )
    return replace(clause, subject=replace(clause.subject, determiner=determiner, plural=plural))


def following_quantifier(clause: Clause, draws: Draws) -> Clause | None:
    """A weaker determiner: "every" gives "some", "all" gives "most", "this" gives "some"."""
    old = clause.subject.determiner
    if old in UNIVERSAL:
        definite = draws.choice(DEFINITE[clause.subject.plural])
        return _with_determiner(clause, draws.choice(("some", "most", definite)))
    weakens = old in ("most", "many") or (is_definite(clause.subject) and not clause.negated)
    return _with_determiner(clause, "some") if weakens else None


def open_quantifier(clause: Clause, draws: Draws) -> Clause | None:
    """A determiner that does not follow: "some" gives "every", "every" gives "no"."""
    old = clause.subject.determiner
    if clause.negated:
        return None
    if old in UNIVERSAL:
        return _with_determiner(clause, "no")
    if old == "few":
        return _with_determiner(clause, draws.choice(("every", "most")))
    if old == "no":
        return _with_determiner(clause, draws.choice(("every", "some", "most")))
    return _with_determiner(clause, draws.choice(("every", "all", "no")))


FOLLOWING: tuple[tuple[Rewriting, float], ...] = (
    (partial(_other_phrase, follows=True), 0.45), (partial(_other_predicate, follows=True), 0.2),
    (following_quantifier, 0.2), (lambda clause, draws: clause, 0.15),  # unchanged: restating makes the pair
)  # fmt: skip
OPEN: tuple[tuple[Rewriting, float], ...] = (
    (partial(_other_phrase, follows=False), 0.1), (partial(_other_predicate, follows=False), 0.05),
    (open_quantifier, 0.05),
    (swapped_roles, 0.05), (changed_word, 0.1), (changed_negation, 0.65),
)  # fmt: skip
CONJOINED = 0.1
"""Share of premises with a second clause, of which the hypothesis says nothing."""


def draw(draws: Draws) -> tuple[str, str, int]:
    """The texts of `draw_clauses` with their label."""
    premise, hypothesis, label = draw_clauses(draws)
    return sentence(*premise), sentence(hypothesis), label


def draw_clauses(draws: Draws) -> tuple[tuple[Clause, ...], Clause, int]:
    """The clauses of a premise, a hypothesis and the label: 0 where the hypothesis follows, else 1.

    "Follows" takes for granted that there is something that "every", "all" and "most" speak of.
    """
    follows = draws.chance(FOLLOWS)
    change = draws.weighted(FOLLOWING if follows else OPEN)
    conjoined = draws.chance(CONJOINED)
    while True:
        first = draw_clause(draws, depth=1, quantified=0.3, negated=0.45)
        changed = change(first, draws)
        if changed is None:
            continue
        hypothesis = restated(changed, draws, 1 if draws.chance(0.3) else 0)
        premise: tuple[Clause, ...] = (first,)
        if conjoined:
            aside = draw_clause(draws, depth=0, quantified=0.0)
            premise = (first, aside) if draws.chance(0.5) else (aside, first)
        if sentence(hypothesis) != sentence(*premise):
            return premise, hypothesis, int(not follows)
