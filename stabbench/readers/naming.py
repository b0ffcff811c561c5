"""Names and seeds out of paths: `runs/{task}/{strategy}/seed-{seed}`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from stabbench.errors import UserError, unknown

PLACEHOLDERS = ("task", "strategy", "seed", "model", "metric")
_PIECE = re.compile(r"\{([^{}]*)\}|(\*\*)|(\*)|([^{}*]+)|([{}])")
_SEED = re.compile(r"(?:^|(?<=[^a-z]))(?:random[-_]?)?seed[-_=]?(\d+)(?=$|[^0-9])", re.IGNORECASE)


class Match(NamedTuple):
    """What a pattern found."""

    text: str
    """The whole text in which it stands."""
    names: dict[str, str]


@dataclass(frozen=True)
class Pattern:
    """Where names stand in a path: `{task}`, `{strategy}`, `{seed}`, `{model}`, `{metric}`.

    A placeholder is within one part of a path, and a seed is digits; `*` is anything within a part, `**` anything. The
    whole may stand anywhere in a path, from the beginning of a part to the end of one; the last such place counts.
    """

    text: str

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        pieces, names = [], []
        for name, anything, within, plain, brace in _PIECE.findall(self.text.strip("/")):
            if brace or (not name and not anything and not within and not plain):
                raise UserError(f"--pattern '{self.text}': found a lone brace, expected names such as {{task}}")
            if name:
                if name not in PLACEHOLDERS:
                    raise unknown(f"name of --pattern '{self.text}'", name, PLACEHOLDERS)
                if name in names:
                    raise UserError(f"--pattern '{self.text}': {{{name}}} stands twice, expected it once (* elsewhere)")
                names.append(name)
                pieces.append(rf"(?P<{name}>\d+)" if name == "seed" else f"(?P<{name}>[^/]+?)")
            else:
                pieces.append(".*" if anything else "[^/]*" if within else re.escape(plain))
        if not names:
            raise UserError(
                f"--pattern '{self.text}' has no name in braces, expected some of {', '.join(PLACEHOLDERS)}"
            )
        return re.compile(f"{''.join(pieces)}(?=/|$)")

    def match(self, texts: Sequence[str]) -> Match | None:
        """The names in the first of some texts that the pattern matches; None where it matches none."""
        for text in texts:
            path = text.replace("\\", "/")
            for begin in reversed([0, *(slash.end() for slash in re.finditer("/", path))]):
                found = self._expression.match(path, begin)
                if found:
                    return Match(text, found.groupdict())
        return None


def seed_in(text: str) -> int | None:
    """The number after the word seed in a path or name, where there is one such number."""
    found = {int(digits) for digits in _SEED.findall(text)}
    return found.pop() if len(found) == 1 else None


def suggested(paths: Sequence[str], lacking: Collection[str] = ("task", "strategy")) -> list[str]:
    """Patterns that may be meant by some paths, the likelier first; `lacking` are the names that nobody says.

    A part with a seed is one, and so are parts that vary. Of names without a `/` the pieces between `-` or `_` are the
    parts, where all have as many.
    """
    plain = [path.replace("\\", "/").strip("/") for path in paths]
    separator = next((mark for mark in "/-_" if all(mark in path for path in plain)), "/")
    parts = [path.split(separator) for path in plain]
    if separator != "/" and len(set(map(len, parts))) > 1:
        return []
    columns = [[path[place] for path in parts] for place in range(min(map(len, parts), default=0))]
    shown, varying = [], []
    for place, column in enumerate(columns):
        seeds = [_SEED.search(part) for part in column]
        if seeds[0] is not None and all(seeds):
            begin, end = seeds[0].span(1)
            shown.append(f"{column[0][:begin]}{{seed}}{column[0][end:]}")
        else:
            vary = len(set(column)) > 1 and not re.search(r"\.\w+$", column[0])
            shown.append("" if vary else column[0])
            varying += [place] if vary else []
    numbers = [place for place in varying if all(part.isdigit() for part in columns[place])]
    if "{seed}" not in separator.join(shown) and len(numbers) == 1:
        shown[numbers[0]] = "{seed}"
        varying.remove(numbers[0])
    if len(varying) == 1 and {"task", "strategy"} <= set(lacking):  # all of one task, whose name stands beside it
        beside = [place for place in (varying[0] - 1, varying[0] + 1) if 0 < place < len(shown)]
        constant = [place for place in beside if "{" not in shown[place]]
        shown[constant[0] if constant else 0] = "{task}" if constant else shown[0]
    if len(varying) not in (1, 2):
        return []
    orders = (["task", "strategy"], ["strategy", "task"]) if len(varying) == 2 else (["strategy"],)
    last = max(place for place, part in enumerate(shown) if "{" in part or not part)
    filled = [dict(zip(varying, names, strict=True)) for names in orders]
    return [
        separator.join(
            f"{{{names[place]}}}" if place in names else part for place, part in enumerate(shown[: last + 1])
        )
        for names in filled
    ]
