from __future__ import annotations

from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from stabbench.analysis.tied import MOST, letters, tied_sets

NAMES = ["a", "b", "c", "d"]


def pairs(text: str) -> set[frozenset[str]]:
    return {frozenset(pair) for pair in text.split()}


def test_a_chain_of_ties_makes_sets_that_overlap() -> None:
    sets = tied_sets(NAMES, pairs("ac ad bd"))
    assert sets == [("a", "b"), ("b", "c"), ("c", "d")]
    assert letters(NAMES, sets) == {"a": "a", "b": "ab", "c": "bc", "d": "c"}


def test_without_a_difference_all_are_one_set_and_with_all_differences_each_is_alone() -> None:
    assert tied_sets(NAMES, set()) == [("a", "b", "c", "d")]
    assert tied_sets(NAMES, {frozenset(pair) for pair in combinations(NAMES, 2)}) == [(name,) for name in NAMES]


def test_of_too_many_strategies_there_are_no_sets() -> None:
    assert tied_sets([str(number) for number in range(MOST + 1)], set()) == []


def test_letters_go_on_after_z() -> None:
    names = [f"s{number:02}" for number in range(28)]
    found = letters(names, [(name,) for name in names])
    assert (found["s00"], found["s25"], found["s26"]) == ("a", "z", "(27)")


names = st.lists(st.sampled_from("abcdefg"), unique=True, min_size=1, max_size=7)


@given(names, st.data())
def test_sets_are_all_maximal_ones_without_a_difference(members: list[str], data: st.DataObject) -> None:
    every = [frozenset(pair) for pair in combinations(members, 2)]
    apart = set(data.draw(st.lists(st.sampled_from(every), unique=True))) if every else set()

    def tied(part: tuple[str, ...]) -> bool:
        return not any(frozenset(pair) in apart for pair in combinations(part, 2))

    subsets = chain.from_iterable(combinations(members, size) for size in range(1, len(members) + 1))
    allowed = [set(part) for part in subsets if tied(part)]
    maximal = [part for part in allowed if not any(part < other for other in allowed)]
    found = tied_sets(members, apart)
    assert sorted(map(sorted, found)) == sorted(map(sorted, maximal))
    shared = letters(members, found)
    for one, other in combinations(members, 2):
        assert (frozenset((one, other)) in apart) == (not set(shared[one]) & set(shared[other]))
