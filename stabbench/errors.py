"""Errors that are the user's to mend: each says what was found, what was expected and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

SHOWN = 10


class UserError(Exception):
    """A mistake in the input, or several; the command line prints them as one message and exits with status 2."""

    def __str__(self) -> str:
        found = self.messages
        if len(found) == 1:
            return found[0]
        more = f"\n- and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return f"{len(found)} mistakes:" + "".join(f"\n- {message}" for message in found[:SHOWN]) + more

    @property
    def messages(self) -> tuple[str, ...]:
        """What is wrong, a text a mistake."""
        return tuple(str(argument) for argument in self.args)


class Mistakes:
    """Mistakes of steps that do not depend on each other, to be told together.

    Example: ``for name in names: with mistakes.collected(): read(name)``, and then ``mistakes.tell()``.
    """

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def add(self, *messages: str) -> None:
        """Note mistakes; one that is known already counts once."""
        self._found |= dict.fromkeys(messages)

    @contextmanager
    def collected(self) -> Iterator[None]:
        """A UserError inside is noted, and what follows goes on."""
        try:
            yield
        except UserError as error:
            self.add(*error.messages)

    def tell(self) -> None:
        """Raise a UserError of all that were noted, if any."""
        if self._found:
            raise UserError(*self._found)


def nearest(name: str, choices: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The choice most like `name`, or None where none is close (`cutoff`: 0 for anything, 1 for the name itself)."""
    found = difflib.get_close_matches(name, list(choices), n=1, cutoff=cutoff)
    return found[0] if found else None


def meant(name: str, choices: Iterable[str]) -> str | None:
    """The choice that somebody who wrote `name` may mean, or None.

    `learning_rate` and `recipe.lr` both mean `recipe.learning_rate`; else it is the nearest one.
    """
    known = list(choices)
    place, _, last = name.lower().rpartition(".")
    ends = {choice: choice.rpartition(".") for choice in known}
    same = [choice for choice, (_, _, end) in ends.items() if end == last]
    short = [choice for choice, (at, _, end) in ends.items() if place in ("", at) and _initials(end) == last]
    return next(iter([*same, *short]), None) or nearest(name, known)


def _initials(name: str) -> str:
    words = re.split("[-_]", name)
    return "".join(word[:1] for word in words) if len(words) > 1 else name


def unknown(kind: str, name: str, choices: Iterable[str]) -> UserError:
    """The error for a name that does not exist: the nearest one, and all there are.

    Example: ``unknown strategy 'mixuot': did you mean 'mixout'? Known: devlin, mixout, mosbach``
    """
    known = sorted(choices)
    close = meant(name, known)
    hint = f": did you mean '{close}'?" if close else "."
    listed = ", ".join(known) if known else "none"
    return UserError(f"unknown {kind} '{name}'{hint} Known: {listed}")


def told(place: str, noun: str, faults: Sequence[tuple[int, str]]) -> str:
    """One message for all faults of a place, each once with the first ten of its lines or rows and their count.

    The first ten different faults are told, and how many lines or rows the others have.
    """
    if len(faults) == 1:
        return f"{place}, {noun} {faults[0][0]}: {faults[0][1]}"
    by_fault: dict[str, list[int]] = {}
    for number, fault in faults:
        by_fault.setdefault(fault, []).append(number)
    shown = list(by_fault.items())[:SHOWN]
    lines = [f"{place}: {len(faults):,} {noun}s cannot be used:"]
    lines += [f"  {numbered(noun, numbers)}: {fault}" for fault, numbers in shown]
    more = len(faults) - sum(len(numbers) for _, numbers in shown)
    return "\n".join([*lines, *([f"  and {more:,} more"] if more else [])])


def numbered(noun: str, numbers: Sequence[int]) -> str:
    """`line 3`, `lines 3, 5`, or the first ten and the count: `5,000 lines (2, 3, … and 4,990 more)`."""
    if len(numbers) == 1:
        return f"{noun} {numbers[0]}"
    listed = ", ".join(map(str, numbers[:SHOWN]))
    if len(numbers) <= SHOWN:
        return f"{noun}s {listed}"
    return f"{len(numbers):,} {noun}s ({listed} and {len(numbers) - SHOWN:,} more)"
