"""What a probe left in its folder, as its chapter reads it, and the sentences that all such chapters share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stabbench.errors import UserError
from stabbench.files import read_json
from stabbench.report.content import Content
from stabbench.report.numbers import listed
from stabbench.report.section import Section

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class MeasuredProbe:
    """The content of `probes/<name>/`: probe.json, with tables beside it."""

    folder: Path
    kind: str
    options: Mapping[str, Any]
    chosen: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    reason: str | None
    """Why nothing was measured, in a sentence."""

    @classmethod
    def read(cls, folder: Path) -> MeasuredProbe:
        """UserError where there is nothing, or nothing that this version reads."""
        path = folder / "probe.json"
        again = f"run `stabbench probe {folder.name}`"
        try:
            data = read_json(path)
            if data["schema_version"] != SCHEMA_VERSION:
                raise ValueError(f"schema version {data['schema_version']}, expected {SCHEMA_VERSION}")
            found = {name: data[name] for name in ("kind", "options", "chosen", "facts", "reason")}
        except FileNotFoundError:
            raise UserError(f"there is no {path}: {again}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} cannot be read ({error}): {again}") from error
        return cls(folder, **found)

    @property
    def name(self) -> str:
        """The name of the probe's block in params.yaml."""
        return self.folder.name

    def chapter(self, title: str, looks_for: str) -> Section:
        """Its chapter so far: without figures and tables, and with no more found than why nothing was measured."""
        return Section(
            name=self.name,
            title=f"{title}: {self.facts['task']}" if "task" in self.facts else title,
            looks_for=looks_for,
            found=[] if self.reason is None else [self.reason],
            facts={"options": dict(self.options), "runs": list(self.chosen), **self.facts},
        )

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables; UserError where it is gone."""
        path = self.folder / f"{name}.csv"
        try:
            return pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}): run `stabbench probe {self.name}` again") from error

    def remarks(self, content: Content) -> list[str]:
        """What a reader must know of the runs: trained again with another result, or no longer in the plan."""
        found = [
            f"{run_name(run)} was trained again for its weights and did not come out as recorded, as another machine "
            f"or library version can make it (it ended {_ended(run)}): the "
            "numbers here are those of the new training."
            for run in self.chosen
            if not run["same_result"]
        ]
        known = set(content.runs["fingerprint"])
        gone = [run_name(run) for run in self.chosen if run["fingerprint"] not in known]
        if gone:
            found.append(f"Measured before the plan changed: it no longer has {listed(gone)} as measured here.")
        return found


def run_name(run: Mapping[str, Any]) -> str:
    """`devlin seed 3`."""
    return f"{run['strategy']} seed {run['seed']}"


def _ended(run: Mapping[str, Any]) -> str:
    if run["weights_status"] == run["status"]:
        return "the same way"
    return f"as {run['weights_status']} where the record says {run['status']}"
