"""Strategies that no test tells apart: the maximal sets, as letters, in place of ranks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set

MOST = 40
"""Strategies of more than these are put in no sets: there may be exponentially many."""


def tied_sets(names: Sequence[str], apart: Collection[frozenset[str]]) -> list[tuple[str, ...]]:
    """The maximal sets of `names` in which no pair is in `apart`, each in the order of `names`.

    Ordered by their first members, then the next. Every name is in one at least, alone where it is told apart from all
    others; two names share a set just where they are not told apart. None where there are more than `MOST` names.
    """
    if len(names) > MOST:
        return []
    place = {name: index for index, name in enumerate(names)}
    neighbours = {
        name: {other for other in names if other != name and frozenset((name, other)) not in apart} for name in names
    }
    found = [sorted(members, key=place.__getitem__) for members in _cliques(set(), set(names), set(), neighbours)]
    return [tuple(members) for members in sorted(found, key=lambda members: [place[name] for name in members])]


def _cliques(
    chosen: Set[str], open_: set[str], closed: set[str], neighbours: Mapping[str, set[str]]
) -> Iterator[Set[str]]:
    """Bron and Kerbosch (1973), with the pivot that leaves the fewest branches."""
    if not open_ and not closed:
        if chosen:
            yield chosen
        return
    pivot = max(sorted(open_ | closed), key=lambda name: len(open_ & neighbours[name]))
    for name in sorted(open_ - neighbours[pivot]):
        yield from _cliques(chosen | {name}, open_ & neighbours[name], closed & neighbours[name], neighbours)
        open_ = open_ - {name}
        closed = closed | {name}


def letters(names: Sequence[str], sets: Sequence[Sequence[str]]) -> dict[str, str]:
    """For each name the letters of the sets that it is in: two names with a letter in common are not told apart."""
    return {name: "".join(_letter(index) for index, members in enumerate(sets) if name in members) for name in names}


def _letter(index: int) -> str:
    """`a` to `z`, then `(27)`."""
    return chr(ord("a") + index) if index < 26 else f"({index + 1})"
