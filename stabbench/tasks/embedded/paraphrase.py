"""The embedded paraphrase task: pairs with many words in common that do or do not mean the same."""

from __future__ import annotations

from stabbench.tasks.embedded.draws import Draws
from stabbench.tasks.embedded.grammar import Clause, draw_clause, sentence
from stabbench.tasks.embedded.rewriting import Rewriting, changed_negation, changed_word, restated, swapped_roles

EQUIVALENT = 0.68
"""Share of pairs that mean the same (label 1)."""

CHANGES: tuple[tuple[Rewriting, float], ...] = ((changed_negation, 0.75), (changed_word, 0.15), (swapped_roles, 0.1))
"""What makes two sentences differ in meaning, with weights."""


def draw(draws: Draws) -> tuple[str, str, int]:
    """The texts of `draw_clauses` with their label."""
    first, second, label = draw_clauses(draws)
    return sentence(first), sentence(second), label


def draw_clauses(draws: Draws) -> tuple[Clause, Clause, int]:
    """Two clauses of different text and whether they mean the same (1) or not (0).

    Both kinds of pair are restated alike (voice, synonyms, adverb, "every"/"all"); pairs that are not
    equivalent then have the roles exchanged, a word replaced or a negation more or less.
    """
    equivalent = draws.chance(EQUIVALENT)
    change = draws.weighted(CHANGES)
    while True:
        first = draw_clause(draws, depth=draws.choice((0, 0, 1)), transitive=0.75, negated=0.15)
        second = restated(first, draws, 2 if equivalent else draws.choice((0, 1, 2)))
        if not equivalent:
            changed = change(second, draws)
            if changed is None:
                continue
            second = changed
        if draws.chance(0.5):
            first, second = second, first
        if sentence(first) != sentence(second):
            return first, second, int(equivalent)
