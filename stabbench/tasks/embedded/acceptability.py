"""The embedded acceptability task: sentences of the grammar, about a third of them broken."""

from __future__ import annotations

from stabbench.tasks.embedded.draws import Draws
from stabbench.tasks.embedded.grammar import Word, draw_clause, sentence_words, text_of
from stabbench.tasks.embedded.lexicon import ADVERBS, BE
from stabbench.tasks.embedded.recognition import is_sentence

BROKEN = 0.35
"""Share of sentences that are broken (label 0)."""
WRONG_NUMBER = 0.5
"""Share of the broken ones in which a verb has the wrong number; in the others two neighbours are swapped."""


def draw(draws: Draws) -> tuple[str, int, str]:
    """A sentence, its label (1 acceptable, 0 not) and the intact sentence that it was made from."""
    broken = draws.chance(BROKEN)
    wrong_number = draws.chance(WRONG_NUMBER)
    while True:
        words = sentence_words(draw_clause(draws))
        intact = text_of(words)
        if not broken:
            return intact, 1, intact
        result = with_wrong_number(words, draws) if wrong_number else with_swapped_neighbours(words, draws)
        if result is not None and not is_sentence(result):
            return " ".join(result), 0, intact


def with_wrong_number(words: list[Word], draws: Draws) -> list[str]:
    """The words with one verb, drawn at random, in the wrong number."""
    chosen = draws.choice([place for place, word in enumerate(words) if word.other_number is not None])
    return [(word.other_number or word.text) if place == chosen else word.text for place, word in enumerate(words)]


def with_swapped_neighbours(words: list[Word], draws: Draws) -> list[str] | None:
    """The words with two neighbours swapped; None where the drawn pair could stand in either order.

    Adverbs move freely in English, and "the dog chased is by the house" can be read as a reduced
    relative clause, so neither an adverb nor a form of "be" is ever moved; nor are punctuation marks.
    """
    texts = [word.text for word in words]
    place = int(draws.uniform() * (len(texts) - 2))
    kept = {*ADVERBS, *BE.values(), ",", "."}
    if texts[place] in kept or texts[place + 1] in kept:
        return None
    texts[place], texts[place + 1] = texts[place + 1], texts[place]
    return texts
