"""Errors that are the user's to mend: each says what was found, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in the input; the command line prints it as one message and exits with status 2."""


def nearest(name: str, choices: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The choice most like `name`, or None where none is close (`cutoff`: 0 for anything, 1 for the name itself)."""
    found = difflib.get_close_matches(name, list(choices), n=1, cutoff=cutoff)
    return found[0] if found else None


def unknown(kind: str, name: str, choices: Iterable[str]) -> UserError:
    """The error for a name that does not exist: the nearest one, and all there are.

    Example: ``unknown strategy 'mixuot': did you mean 'mixout'? Known: devlin, mixout, mosbach``
    """
    known = sorted(choices)
    close = nearest(name, known)
    hint = f": did you mean '{close}'?" if close else "."
    listed = ", ".join(known) if known else "none"
    return UserError(f"unknown {kind} '{name}'{hint} Known: {listed}")
