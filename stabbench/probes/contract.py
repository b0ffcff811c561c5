"""What a probe is: a measurement on the weights of chosen runs, and the folder that it leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from stabbench.config import Config
from stabbench.config.values import Block
from stabbench.execution.settings import Settings
from stabbench.files import whole_folder, write_json, write_text
from stabbench.records import Selection, Store

if TYPE_CHECKING:
    import pandas as pd

    from stabbench.report.content import Content
    from stabbench.report.measurement import MeasuredProbe
    from stabbench.report.section import Section

SCHEMA_VERSION = 1
OptionsT = TypeVar("OptionsT", bound=Block)

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done and how much there is."""


@dataclass(frozen=True)
class ProbeContext:
    """What a probe may use: the planned cells with their records, the store, and the machine's settings."""

    selection: Selection
    runs: Path
    """The folder of `selection`: records that the store lacks are taken from there."""
    store: Store
    settings: Settings
    root: Path = Path()
    progress: Progress = lambda what, done, total: None


@dataclass(frozen=True)
class Measurement:
    """What a probe found.

    `chosen` describes the runs (see `stabbench.probes.runs.described`). Where nothing can be measured, `reason` says
    why in a sentence and there are no tables.
    """

    chosen: Sequence[Mapping[str, Any]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Each is written as `<name>.csv` with all digits."""
    reason: str | None = None


class Probe(ABC, Generic[OptionsT]):
    """A measurement on trained weights, known by its entry point in `stabbench.probes` or as `./file.py:Class`.

    Its module imports no torch at module level, so that options are checked and chapters written without it.
    """

    Options: ClassVar[type[Any]]
    """The keys of its block in params.yaml."""

    @abstractmethod
    def check(self, options: OptionsT, config: Config, root: Path) -> None:
        """UserError where the options do not fit the project; called before any work."""

    @abstractmethod
    def measure(self, options: OptionsT, context: ProbeContext) -> Measurement:
        """Choose the runs, get their weights and measure."""

    @abstractmethod
    def section(self, measured: MeasuredProbe, content: Content) -> Section:
        """The chapter of the report on what `measure` found earlier; `content` is the main grid's.

        Figures are drawn inside `stabbench.report.figures.drawing.style`.
        """


def write_measurement(folder: Path, kind: str, options: Block, found: Measurement) -> None:
    """Make `folder` hold exactly this measurement, whole or not at all: probe.json and a CSV file a table."""
    with whole_folder(folder) as new:
        for name, table in found.tables.items():
            write_text(new / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
        write_json(
            new / "probe.json",
            {
                "schema_version": SCHEMA_VERSION,
                "kind": kind,
                "options": options.model_dump(mode="json"),
                "chosen": [dict(run) for run in found.chosen],
                "facts": dict(found.facts),
                "reason": found.reason,
                "tables": sorted(found.tables),
            },
        )
