"""What became of bringing a tracking server up to date."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit


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
    missing: list[str] = field(default_factory=list)
    """Runs (`model/task/strategy seed 3`), models and cells that are not logged yet, in the selection's order."""
    problem: str | None = None
    """The first thing that went wrong, in one sentence."""
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
            return f"{where}: {what}: {self.problem}. Nothing is lost: run `stabbench track` again."
        if not self.logged and not self.cells and not self.models:
            return f"{where}: up to date, {self.found} runs"
        models = f", {self.models} models" if self.models else ""
        return f"{where}: {self.logged} runs logged, {self.found} there already{models}"


def without_password(uri: str) -> str:
    """A URI that may be printed: user name and password left out."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
