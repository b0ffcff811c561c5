"""The part of a plan that one of several machines trains; which part that is depends on the plan alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stabbench.errors import UserError
from stabbench.plan import Cell

Wanted = Sequence[tuple[Cell, Sequence[int]]]
"""Cells with the seeds that are wanted of each."""


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, counted from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that `text` names, such as `3/8`; UserError where it names none."""
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        shard = cls(int(found[1]), int(found[2])) if found else None
        if shard is None or not 1 <= shard.number <= shard.count:
            raise UserError(f"shard: found {text!r}, expected K/N with K from 1 to N, such as 3/8")
        return shard

    def of(self, wanted: Wanted) -> dict[int, list[int]]:
        """This shard's seeds by the place of their cell in `wanted`; all shards together hold each fingerprint once.

        Shards follow each other in the plan's order, so that most seeds of a cell stay together, and have equal numbers
        of updates to within one run; of runs, where nobody knows how many updates some cell makes. A run that several
        cells share belongs to the first of them; one whose weights are to be kept to the first that keeps them.
        """
        runs: list[tuple[int, int, int]] = []  # place of the cell, seed and updates
        seen: set[tuple[str, bool]] = set()
        known = [updates for cell, _ in wanted if (updates := cell.updates()) is not None]
        lengths = known if len(known) == len(wanted) else [1] * len(wanted)
        for place, (cell, seeds) in enumerate(wanted):
            for seed in seeds:
                fingerprint, keeps = cell.fingerprint(seed), seed in cell.keep_weights
                if not {(fingerprint, keeps), (fingerprint, True)} & seen:
                    seen.add((fingerprint, keeps))
                    runs.append((place, seed, lengths[place]))
        total = sum(updates for *_, updates in runs)
        chosen: dict[int, list[int]] = {}
        done = 0
        for place, seed, updates in runs:
            middle = 2 * done + updates
            if middle * self.count // (2 * total) == self.number - 1:
                chosen.setdefault(place, []).append(seed)
            done += updates
        return chosen
