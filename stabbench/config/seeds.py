"""Lists of seeds as people write them: `1-25`, `1,2,5-9` or `[1, 2, 3]`."""

from __future__ import annotations

import re

from stabbench.errors import UserError

LARGEST_SEED = 2**31 - 1
MOST_SEEDS = 100_000
_EXPECTED = "expected seeds such as '1-25' or '1,2,5-9'"


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
