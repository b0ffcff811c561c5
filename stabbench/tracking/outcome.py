"""What became of bringing a tracking server up to date."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

NAMED = 3
"""Runs without a model that the line names."""


@dataclass
class TrackingOutcome:
    """Counts of one call; `missing` names the runs that are not logged, `problem` says why."""

    uri: str
    experiment: str
    logged: int = 0
    """Child runs logged by this call."""
    found: int = 0
    """Child runs that were there already."""
    cells: int = 0
    """Parent runs written by this call."""
    models: int = 0
    """Models logged by this call."""
    pages: int = 0
    """Runs of studies and probes written by this call."""
    dead: dict[str, str] = field(default_factory=dict)
    """Why a run whose weights were to be kept has no model: they are offered to nobody."""
    missing: list[str] = field(default_factory=list)
    """Runs (`model/task/strategy seed 3`), models and cells that are not logged yet, in the selection's order."""
    problem: str | None = None
    """The first thing that went wrong, in one sentence."""
    remedy: str = ""
    """What to do before the next call, where that is known."""
    url: str | None = None
    """Where the table of cells can be looked at (tracking servers only)."""

    @property
    def complete(self) -> bool:
        """Whether the server shows everything that the selection holds."""
        return not self.missing and self.problem is None

    def line(self) -> str:
        """The outcome as one line for the command line."""
        where = f"MLflow ({without_password(self.uri)}, experiment {self.experiment})"
        if not self.complete:
            total = len(self.missing)
            what = f"{total} not logged yet" if total else "not complete"
            first = f"{self.remedy}, then run" if self.remedy else "run"
            return f"{where}: {what}: {self.problem}. Nothing is lost: {first} `stabbench track` again.{self._dead()}"
        if not self.logged and not self.cells and not self.models and not self.pages:
            return f"{where}: up to date, {self.found} runs{self._dead()}"
        models = f", {self.models} models" if self.models else ""
        pages = f", {self.pages} of studies and probes" if self.pages else ""
        return f"{where}: {self.logged} runs logged, {self.found} there already{models}{pages}{self._dead()}"

    def _dead(self) -> str:
        told = [f"; no model of {name}: {reason}" for name, reason in list(self.dead.items())[:NAMED]]
        rest = len(self.dead) - NAMED
        return "".join(told) + (f"; and of {rest} more" if rest > 0 else "")


def without_password(uri: str) -> str:
    """A URI that may be printed: user name and password left out."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
