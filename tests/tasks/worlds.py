"""Small random worlds in which clauses of the embedded grammar are true, false or about nothing."""

from __future__ import annotations

import random
from collections.abc import Iterable

from stabbench.tasks.embedded.grammar import Clause, NounPhrase, PrepositionalPhrase
from stabbench.tasks.embedded.lexicon import DEFINITE, HYPERNYM, SYNONYM

ENTITIES = range(4)


def meaning(word: str) -> str:
    """One name for a word and its synonym."""
    return min(word, SYNONYM.get(word, word))


class World:
    """Entities with properties and relations, drawn when first asked for.

    Definite noun phrases speak of something that fits them ("the dog" of a certain dog), outside of negation
    and quantifiers; manner is a further property of an act; "every", "all", "each" and "most" say nothing
    where nothing fits their noun phrase.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._density = self._random.choice((0.25, 0.5, 0.8))
        self._facts: dict[tuple[object, ...], bool] = {}

    def _fact(self, *key: object) -> bool:
        if key not in self._facts:
            self._facts[key] = self._random.random() < self._density
        return self._facts[key]

    def _is(self, noun: str, entity: int) -> bool:
        if noun in HYPERNYM.values():
            kinds = {meaning(name) for name, hypernym in HYPERNYM.items() if hypernym == noun}
            return (self._fact("other", noun, entity) and self._density > 0.25) or any(
                self._fact("noun", kind, entity) for kind in kinds
            )
        return self._fact("noun", meaning(noun), entity)

    def _acts(self, verb: str, adverb: str | None, *entities: int) -> bool:
        act = self._fact("verb", meaning(verb), *entities)
        return act and (adverb is None or self._fact("manner", meaning(verb), meaning(adverb), *entities))

    def _is_placed(self, phrase: PrepositionalPhrase, entity: int) -> bool:
        return any(self._fact("place", phrase.preposition, entity, other) for other in self.fitting(phrase.noun_phrase))

    def _fits(self, phrase: NounPhrase, entity: int) -> bool:
        if not self._is(phrase.noun, entity):
            return False
        if not all(self._fact("adjective", meaning(word), entity) for word in phrase.adjectives):
            return False
        if phrase.place is not None and not self._is_placed(phrase.place, entity):
            return False
        relative = phrase.relative
        if relative is None:
            return True
        if relative.other is None:
            return self._acts(relative.verb, None, entity)
        others = self.fitting(relative.other)
        if relative.object_gap:
            return any(self._acts(relative.verb, None, other, entity) for other in others)
        return any(self._acts(relative.verb, None, entity, other) for other in others)

    def fitting(self, phrase: NounPhrase) -> list[int]:
        """The entities that a noun phrase describes, whatever its determiner."""
        return [entity for entity in ENTITIES if self._fits(phrase, entity)]

    def _holds(self, clause: Clause, actor: int, target: int | None) -> bool:
        entities = (actor,) if target is None else (actor, target)
        true = self._acts(clause.verb, clause.adverb, *entities)
        if clause.place is not None:
            true = true and self._is_placed(clause.place, actor)
        return true != clause.negated

    def truth(self, clause: Clause) -> bool | None:
        """Whether a clause is true; None where its quantifier has nothing to speak of."""
        actors = self.fitting(clause.subject)
        targets: Iterable[int | None] = (None,) if clause.object is None else self.fitting(clause.object)
        determiner = clause.subject.determiner
        if not actors and determiner in ("every", "each", "all", "most"):
            return None
        return any(
            _quantified(determiner, len(actors), sum(self._holds(clause, actor, target) for actor in actors))
            for target in targets
        )


def _quantified(determiner: str, everything: int, true: int) -> bool:
    if determiner in ("every", "each", "all"):
        return true == everything
    if determiner in ("some", *DEFINITE[False], *DEFINITE[True]):
        return true >= 1
    return {"no": true == 0, "few": true <= 1, "many": true >= 2, "most": 2 * true > everything}[determiner]
