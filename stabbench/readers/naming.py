"""Names and seeds out of paths: `runs/{task}/{strategy}/seed-{seed}`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from stabbench.errors import UserError, unknown

PLACEHOLDERS = ("task", "strategy", "seed", "model", "metric")
_PIECE = re.compile(r"\{([^{}]*)\}|(\*\*)|(\*)|([^{}*]+)|([{}])")
_SEED = re.compile(r"(?:^|(?<=[^a-z]))(?:random[-_]?)?seed[-_=]?(\d+)(?=$|[^0-9])", re.IGNORECASE)


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

    def match(self, texts: Sequence[str]) -> dict[str, str] | None:
        """The names in the first of some texts that the pattern matches; None where it matches none."""
        for text in texts:
            path = text.replace("\\", "/")
            for begin in reversed([0, *(slash.end() for slash in re.finditer("/", path))]):
                found = self._expression.match(path, begin)
                if found:
                    return found.groupdict()
        return None


def seed_in(text: str) -> int | None:
    """The number after the word seed in a path or name, where there is one such number."""
    found = {int(digits) for digits in _SEED.findall(text)}
    return found.pop() if len(found) == 1 else None


def suggested(paths: Sequence[str]) -> list[str]:
    """Patterns that may be meant by some paths, the likelier first: a part with a seed, names in parts that vary."""
    parts = [path.replace("\\", "/").strip("/").split("/") for path in paths]
    depth = min(map(len, parts), default=0)
    columns = [[path[place] for path in parts] for place in range(depth)]
    shown, varying = [], []
    for place, column in enumerate(columns):
        seeds = [_SEED.search(part) for part in column]
        if all(seeds) and column:
            begin, end = seeds[0].span(1) if seeds[0] else (0, 0)
            shown.append(f"{column[0][:begin]}{{seed}}{column[0][end:]}")
        elif len(set(column)) > 1 and not re.search(r"\.\w+$", column[0]):
            shown.append("")
            varying.append(place)
        else:
            shown.append(column[0])
    if "{seed}" not in "/".join(shown):
        numbers = [place for place in varying if all(part.isdigit() for part in columns[place])]
        if len(numbers) == 1:
            shown[numbers[0]] = "{seed}"
            varying.remove(numbers[0])
    last = max((place for place, part in enumerate(shown) if "{" in part or not part), default=-1)
    orders = (["{task}", "{strategy}"], ["{strategy}", "{task}"]) if len(varying) == 2 else (["{strategy}"],)
    if len(varying) not in (1, 2):
        return []
    found = []
    for names in orders:
        filled = dict(zip(varying, names, strict=True))
        found.append("/".join(filled.get(place, part) for place, part in enumerate(shown[: last + 1])))
    return found
