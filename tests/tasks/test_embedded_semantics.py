"""The labels of the embedded pair tasks hold in small worlds: what follows always does, what does not can fail."""

from __future__ import annotations

from stabbench.tasks.embedded import entailment, paraphrase
from stabbench.tasks.embedded.draws import Draws
from stabbench.tasks.embedded.grammar import Clause, sentence
from tests.tasks.worlds import World

PAIRS = 150


def counterexample(premise: tuple[Clause, ...], hypothesis: Clause, worlds: int) -> World | None:
    """A world in which the premise is true and the hypothesis false."""
    for seed in range(worlds):
        world = World(seed)
        if world.truth(hypothesis) is False and all(world.truth(clause) for clause in premise):
            return world
    return None


def test_a_hypothesis_labelled_as_entailed_is_true_in_every_world_of_its_premise() -> None:
    draws = Draws(0, "entailed")
    pairs = [pair for _ in range(2 * PAIRS) if (pair := entailment.draw_clauses(draws))[2] == 0]
    for premise, hypothesis, _ in pairs:
        assert counterexample(premise, hypothesis, 120) is None, (sentence(*premise), sentence(hypothesis))


def test_a_hypothesis_labelled_as_not_entailed_is_false_in_some_world_of_its_premise() -> None:
    draws = Draws(0, "not entailed")
    pairs = [pair for _ in range(PAIRS) if (pair := entailment.draw_clauses(draws))[2] == 1]
    for premise, hypothesis, _ in pairs:
        assert counterexample(premise, hypothesis, 20_000) is not None, (sentence(*premise), sentence(hypothesis))


def test_sentences_labelled_as_equivalent_are_true_in_the_same_worlds_and_others_are_not() -> None:
    draws = Draws(0, "paraphrase")
    for _ in range(PAIRS):
        first, second, label = paraphrase.draw_clauses(draws)
        worlds = 120 if label else 20_000
        differs = counterexample((first,), second, worlds) or counterexample((second,), first, worlds)
        assert (differs is None) == bool(label), (sentence(first), sentence(second), label)
