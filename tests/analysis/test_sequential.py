"""What a declared design makes of scores: a function of the scores alone, the same after every restart."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stabbench.analysis.sequential import Decisions, decisions
from stabbench.errors import UserError
from stabbench.looks import Design

PERMUTATIONS = 499
PLAN = Design(5, 5)
TWO_LOOKS = Design(5, 2, accept=None)
RANDOM = np.random.default_rng(11)
ARMS = {"wide": RANDOM.normal(0, 6, 25), "narrow": RANDOM.normal(0, 1, 25), "other": RANDOM.normal(0, 1, 25)}


def decide(
    n: int | dict[str, int], design: Design = PLAN, changed: Mapping[str, np.ndarray] | None = None
) -> Decisions:
    arms = {**ARMS, **(changed or {})}
    counts = dict.fromkeys(arms, n) if isinstance(n, int) else n
    return decisions({name: arms[name][: counts[name]] for name in arms}, {}, design, PERMUTATIONS)


def states(found: Decisions) -> dict[tuple[str, str], tuple[str, int]]:
    return {(pair.first, pair.second): (pair.state, pair.look) for pair in found.pairs}


def test_a_wide_arm_is_told_apart_early_and_needs_no_more_seeds() -> None:
    found = decide(10)
    assert states(found)["wide", "narrow"] == ("apart", 2)
    assert states(found)["wide", "other"] == ("apart", 2)
    assert found.done("wide")
    assert found.seeds["wide"] == 10


def test_stage_by_stage_the_same_is_decided_as_of_everything_at_once() -> None:
    design = Design(5, 5, questions=("spread", "level"))
    have = dict.fromkeys(ARMS, 0)
    while True:
        found = decide(have, design)
        if found.finished:
            break
        assert found.seeds != have
        have = dict(found.seeds)
    whole = decide(25, design)
    assert states(whole) == states(found)
    assert whole.pairs == found.pairs
    assert whole.seeds == found.seeds
    assert max(found.seeds.values()) <= design.most


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 24), st.integers(0, 24), st.integers(0, 24))
def test_what_was_decided_stays_decided_whichever_seeds_come_in_next(a: int, b: int, c: int) -> None:
    before = decide({"wide": a, "narrow": b, "other": c})
    after = decide({"wide": min(25, a + 3), "narrow": b + 1, "other": c})
    decided = {key: state for key, state in states(before).items() if state[0] != "open"}
    assert decided.items() <= states(after).items()
    assert before.looks <= after.looks


def test_no_look_is_taken_before_every_open_arm_has_the_seeds_of_its_stage() -> None:
    assert decide({"wide": 25, "narrow": 25, "other": 4}).looks == 0
    assert decide({"wide": 25, "narrow": 25, "other": 4}).seeds == dict.fromkeys(ARMS, 5)


def test_an_arm_that_is_done_is_not_waited_for() -> None:
    found = decide({"wide": 10, "narrow": 15, "other": 15}, Design(5, 5, accept=None))
    assert found.done("wide")
    assert found.looks == 3
    assert states(found)["narrow", "other"][1] == 3


def test_seeds_within_a_stage_may_come_in_any_order_and_arms_have_any_name() -> None:
    first = decide(25)
    shuffled = {name: np.concatenate([part[::-1] for part in np.split(values, 5)]) for name, values in ARMS.items()}
    assert states(decide(25, changed=shuffled)) == states(first)
    turned = decisions({name: ARMS[name] for name in reversed(ARMS)}, {}, Design(5, 5), PERMUTATIONS)
    assert {tuple(sorted(pair)): state for pair, state in states(turned).items()} == {
        tuple(sorted(pair)): state for pair, state in states(first).items()
    }


def test_a_pair_is_given_up_at_a_large_p_value_from_the_second_look_on_and_never_without_accept() -> None:
    same = {"narrow": ARMS["other"] + 1e-3}
    assert states(decide(5, changed=same))["narrow", "other"] == ("open", 1)
    assert states(decide(10, changed=same))["narrow", "other"] == ("accepted", 2)
    kept = decide(20, Design(5, 5, accept=None), same)
    assert states(kept)["narrow", "other"] == ("open", 4)
    assert states(decide(25, Design(5, 5, accept=None), same))["narrow", "other"] == ("accepted", 5)


def test_more_arms_ask_for_more_evidence_and_those_told_apart_hand_on_their_share() -> None:
    alone = found_apart(0)
    assert found_apart(6) < alone
    beside_wide = {f"far {number}": 1000.0**number for number in range(1, 4)}
    share = TWO_LOOKS.alpha / 10  # of one of ten pairs, if none handed its share on
    assert found_apart(0, others=beside_wide) > found_apart(0, Design(5, 2, alpha=share, accept=None))


def found_apart(equal: int, design: Design = TWO_LOOKS, others: Mapping[str, float] | None = None) -> int:
    """In how many of twenty samples a std of 3 is told from one of 1, beside equal arms and others of a known std."""
    count = 0
    for seed in range(20):
        random = np.random.default_rng([13, seed])
        arms = {"wide": random.normal(0, 3, 10), "narrow": random.normal(0, 1, 10)}
        arms |= {name: random.normal(0, std, 10) for name, std in (others or {}).items()}
        arms |= {f"equal {number}": random.normal(0, 1, 10) for number in range(equal)}
        found = decisions(arms, {}, design, PERMUTATIONS)
        count += states(found)["wide", "narrow"][0] == "apart"
    return count


@pytest.mark.parametrize("seed", range(8))
def test_the_step_down_is_the_closed_test_of_all_sets_of_pairs(seed: int) -> None:
    random = np.random.default_rng([17, seed])
    arms = {name: random.normal(0, std, 15) for name, std in (("a", 1), ("b", 3), ("c", 3.5), ("d", 1.2))}
    design = Design(5, 3, alpha=0.2, accept=None)
    found = decisions(arms, {}, design, 199)
    pairs = [(pair.first, pair.second) for pair in found.pairs]
    alone = {
        pair: {size: crosses(arms[pair[0]], arms[pair[1]], design, size) for size in range(1, 7)} for pair in pairs
    }
    for pair in pairs:
        sets = [chosen for size in range(1, 7) for chosen in combinations(pairs, size) if pair in chosen]
        closed = all(any(alone[other][len(chosen)] for other in chosen) for chosen in sets)
        assert (states(found)[pair][0] == "apart") == closed


def crosses(a: np.ndarray, b: np.ndarray, design: Design, size: int) -> bool:
    """Whether two arms alone are told apart at the level alpha / size, and at those of all smaller sets."""
    levels = [Design(design.stage, design.stages, design.alpha / part, None) for part in range(1, size + 1)]
    return all(states(decisions({"a": a, "b": b}, {}, level, 199))["a", "b"][0] == "apart" for level in levels)


def test_constant_arms_are_never_told_apart_in_spread() -> None:
    found = decide(25, changed={"narrow": np.full(25, 0.5)})
    assert states(found)["wide", "narrow"][0] == "accepted"


def test_failures_are_compared_beside_and_stop_nothing() -> None:
    failed = {"wide": [True] * 10, "narrow": [False] * 10}
    found = decisions({name: values[:10] for name, values in ARMS.items()}, failed, Design(5, 5), PERMUTATIONS)
    assert list(found.failures) == [("wide", "narrow")]
    assert found.failures["wide", "narrow"].e > 20


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="narrow"):
        decide(25, changed={"narrow": np.full(25, np.nan)})


@pytest.mark.parametrize(
    ("design", "words"),
    [
        ({"stage": 2, "stages": 5}, "at least 3 seeds"),
        ({"stage": 5, "stages": 0}, "expected 1 to 20"),
        ({"stage": 100, "stages": 11}, "at most 1,000"),
        ({"stage": 5, "stages": 5, "alpha": 0.0}, "alpha is 0"),
        ({"stage": 5, "stages": 5, "accept": 0.1}, "accept is 0.1"),
        ({"stage": 5, "stages": 5, "questions": ()}, "questions are none"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused(design: dict[str, int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Design(**design)  # type: ignore[arg-type]
