"""Seeds as people write them: `1-25`, `1,2,5-9`, `[1, 2, 3]`, or by stages, `{first: 1, stage: 5, stages: 5}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from stabbench.errors import UserError, unknown
from stabbench.looks import Design
from stabbench.typed_json import from_json, to_json

LARGEST_SEED = 2**31 - 1
MOST_SEEDS = 100_000
_EXPECTED = "expected seeds such as '1-25' or '1,2,5-9'"


class PlannedSeeds(tuple[int, ...]):
    """All seeds that are planned; with `looks`, those that are trained at the most."""

    looks: Design | None = None

    @property
    def certain(self) -> tuple[int, ...]:
        """Those that are trained whatever is seen."""
        return tuple(self if self.looks is None else self[: self.looks.stage])

    @classmethod
    def parse(cls, value: object) -> PlannedSeeds:
        """The seeds that params.yaml's `seeds` names: a list (`parse_seeds`), or a block of the first and of the looks.

        Raises UserError for what is neither, with all that is wrong with a block.
        """
        if not isinstance(value, Mapping):
            return cls(parse_seeds(value))
        known = ["first", *(field.name for field in fields(Design))]
        for key in value:
            if key not in known:
                raise unknown("key", str(key), known)
        try:
            design = from_json(Design, {key: setting for key, setting in value.items() if key != "first"})
        except ValueError as error:
            raise UserError(str(error)) from error
        first = _checked(value.get("first", 1))
        staged = cls(range(first, _checked(first + design.most - 1) + 1))
        staged.looks = design
        return staged

    def written(self) -> Any:
        """As params.yaml may have it, whole."""
        return list(self) if self.looks is None else {"first": self[0], **to_json(self.looks)}


def parse_seeds(value: object) -> tuple[int, ...]:
    """The seeds that a text, a whole number or a list of whole numbers names, in the order given.

    Raises UserError for an open or falling range, a negative seed, one that is named twice, an empty list and whatever
    else is not a list of seeds.
    """
    if isinstance(value, str):
        seeds = [seed for part in value.split(",") for seed in _parse_part(part, value)]
    elif isinstance(value, bool) or not isinstance(value, (int, list, tuple)):
        raise UserError(f"found {value!r}, {_EXPECTED}")
    else:
        seeds = [_checked(item) for item in ([value] if isinstance(value, int) else value)]
    if not seeds:
        raise UserError(f"found no seed, {_EXPECTED}")
    repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1}) if len(set(seeds)) < len(seeds) else []
    if repeated:
        raise UserError(f"found seed {repeated[0]} twice: each seed counts once, name it once")
    if len(seeds) > MOST_SEEDS:
        raise UserError(f"found {len(seeds):,} seeds, expected at most {MOST_SEEDS:,}")
    return tuple(seeds)


def _parse_part(part: str, whole: str) -> range:
    text = part.strip()
    if re.fullmatch(r"-\s*[0-9]+", text):
        raise UserError(f"found '{text}', expected seeds of 0 or more")
    match = re.fullmatch(r"([0-9]+)(?:\s*-\s*([0-9]+))?", text)
    if match is None:
        open_range = re.fullmatch(r"([0-9]+)\s*-", text)
        hint = f": the range '{text}' has no end" if open_range else ""
        raise UserError(f"found '{whole}', {_EXPECTED}{hint}")
    first = _checked(int(match[1]))
    last = _checked(int(match[2])) if match[2] is not None else first
    if last < first:
        raise UserError(f"found '{text}', a range that falls: did you mean '{last}-{first}'?")
    if last - first >= MOST_SEEDS:
        raise UserError(f"found '{text}', {last - first + 1:,} seeds, expected at most {MOST_SEEDS:,}")
    return range(first, last + 1)


def _checked(seed: object) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UserError(f"found {seed!r} among the seeds, expected whole numbers")
    if not 0 <= seed <= LARGEST_SEED:
        raise UserError(f"found {seed}, expected seeds from 0 to {LARGEST_SEED}")
    return seed
