"""`stabbench.Project`: a project folder, with a method for each command that works on one."""

from __future__ import annotations

import os
import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from stabbench.folders import Folders, own_path

if TYPE_CHECKING:
    from stabbench.execution.outcome import Listener
    from stabbench.looks import Design
    from stabbench.models.pretraining import PretrainingReport
    from stabbench.probes import Measurement
    from stabbench.project.planning import Plan
    from stabbench.project.reporting import Report
    from stabbench.project.status import Status
    from stabbench.project.training import Trained
    from stabbench.records import Store
    from stabbench.report.gate import Verdict
    from stabbench.report.looks_words import LooksAnswer
    from stabbench.report.seeds_words import SeedsAnswer
    from stabbench.tasks.prepared import PreparedTask
    from stabbench.tracking import TrackingOutcome


class Project:
    """The project in `folder`: each method does what the command of its name does, and returns it instead of printing.

    Its records are in `store`, else in $STABBENCH_STORE, else in `.stabbench/runs`; relative paths start at `folder`.
    The machine's settings (`workers`, `device`, `stacked_seeds`, `launcher`) are taken from the environment where they
    are not given. Whatever is a user's to mend raises `stabbench.UserError`; the current folder and signals are left
    alone. A record that is damaged and moved aside is a warning.

    For example:

        project = stabbench.Project("demo")
        project.prepare()
        print(project.plan())
        project.train(strategy="devlin", seeds="1-5")
        project.report(incomplete=True).comparison.stability
    """

    def __init__(self, folder: str | PathLike[str] = ".", *, store: str | PathLike[str] | None = None) -> None:
        root = Path(folder).expanduser().resolve()
        place = store or os.environ.get("STABBENCH_STORE") or Folders.of().store
        self.folders = Folders.of(root, store=own_path(Path(place).expanduser(), root))

    def __repr__(self) -> str:
        return f"Project('{self.folders.root}')"

    def prepare(self, *tasks: str) -> list[PreparedTask]:
        """Read, sample and check the named tasks, else those of the grid and of studies."""
        from stabbench.project.preparation import prepare

        return prepare(self.folders, tasks)

    def pretrain(self, model: str = "embedded") -> PretrainingReport:
        """Pretrain a model whose source is `embedded`."""
        from stabbench.project.pretraining import pretrain_embedded

        return pretrain_embedded(self.folders, model)

    def plan(self) -> Plan:
        """Resolve params.yaml into a file a cell: effective recipe, content hashes, seeds and fingerprints."""
        from stabbench.project.planning import plan

        return plan(self.folders)

    def train(
        self,
        *,
        model: str | None = None,
        task: str | None = None,
        strategy: str | None = None,
        seeds: str | int | list[int] | None = None,
        listener: Listener | None = None,
        workers: int | None = None,
        device: str | None = None,
        stacked_seeds: int | None = None,
        launcher: str | None = None,
    ) -> Trained:
        """Train what is missing of the chosen cells, else of the grid; `listener` is told how far they are."""
        from contextlib import nullcontext

        from stabbench.config import parse_seeds
        from stabbench.execution.settings import Settings
        from stabbench.project.training import chosen_cells, silent, train

        settings = Settings.from_environment(
            workers=workers, device=device, stacked_seeds=stacked_seeds, launcher=launcher
        )
        wanted = None if seeds is None else parse_seeds(seeds)
        cells = chosen_cells(self.folders, model, task, strategy)
        watch = silent if listener is None else lambda name, runs: nullcontext(listener)
        return train(cells, wanted, self.folders, self._store(), settings, watch)

    def study(self, name: str, *, workers: int | None = None, device: str | None = None) -> Trained:
        """Train what a study lacks; its chapter is made by `report`."""
        from stabbench.execution.settings import Settings
        from stabbench.project.studies import train_study

        return train_study(name, self.folders, self._store(), Settings.from_environment(workers=workers, device=device))

    def probe(self, name: str, *, workers: int | None = None, device: str | None = None) -> Measurement:
        """Measure what a probe asks for; its chapter is made by `report`."""
        from stabbench.execution.settings import Settings
        from stabbench.project.probes import measure

        return measure(name, self.folders, self._store(), Settings.from_environment(workers=workers, device=device))

    def status(self) -> Status:
        """How many runs of each planned cell are done, failed, diverged, broken and missing."""
        from stabbench.project.status import status

        return status(self.folders)

    def report(
        self,
        out: str | PathLike[str] | None = None,
        *,
        incomplete: bool = False,
        provenance: bool = False,
        workers: int = 1,
    ) -> Report:
        """Write the report into `out`, else into reports/; `workers` processes draw, this one among them."""
        from dataclasses import replace

        from stabbench.project.reporting import report

        folders = self.folders if out is None else replace(self.folders, reports=self.folders.root / out)
        return report(folders, self._store(), incomplete=incomplete, provenance=provenance, workers=workers)

    def check(
        self,
        *,
        max_failed: float | None = None,
        max_std: float | None = None,
        not_less_stable_than: str | None = None,
        against: str | PathLike[str] | None = None,
        alpha: float = 0.05,
        incomplete: bool = False,
        strict: bool = False,
        model: str | None = None,
        task: str | None = None,
        strategy: str | None = None,
    ) -> Verdict:
        """Whether the chosen cells, else those of the grid, keep to the limits: `passed`, and the `reasons` if not."""
        from stabbench.project.checking import Choice, check, project_source, results_source
        from stabbench.report.gate_limits import Limits

        limits = Limits(max_failed, max_std, not_less_stable_than, against is not None, alpha, incomplete, strict)
        choice = Choice(*([] if name is None else [name] for name in (model, task, strategy)))
        other = None if against is None else results_source(self.folders.root / against)
        return check(project_source(self.folders, self._store()), limits, choice, other)

    def seeds(
        self,
        *,
        margin_mean: float | None = None,
        margin_failed: float | None = None,
        std_ratio: float | None = None,
        power: float = 0.8,
        alpha: float = 0.05,
        confidence: float = 0.8,
        task: str | None = None,
    ) -> SeedsAnswer:
        """How many seeds the cells of the grid, or of a task, need for what is wanted, by their runs as a pilot."""
        from stabbench.analysis.seeds_needed import Wanted
        from stabbench.project.checking import Choice, project_source
        from stabbench.project.seeds import seeds

        wanted = Wanted(margin_mean, margin_failed, std_ratio, power, alpha, confidence)
        choice = Choice(tasks=[] if task is None else [task])
        return seeds(project_source(self.folders, self._store()), wanted, choice)

    def looks(self, design: Design | None = None, *, task: str | None = None) -> LooksAnswer:
        """What a `stabbench.looks.Design` makes of the runs of the grid, or a task; None: what params.yaml declares."""
        from stabbench.errors import UserError
        from stabbench.project.checking import Choice, project_source
        from stabbench.project.looking import declared
        from stabbench.project.seeds import looks

        found = design or declared(self.folders)
        if found is None:
            raise UserError("found no looks that params.yaml declares, expected a Design, or `seeds` by stages there")
        choice = Choice(tasks=[] if task is None else [task])
        return looks(project_source(self.folders, self._store()), found, choice)

    def track(self, uri: str | None = None, *, models: bool = True) -> TrackingOutcome:
        """Bring an MLflow server up to date; a relative path of a database starts at the project's folder."""
        from stabbench.project.tracking import track

        return track(self.folders, self._store(), uri=uri, models=models)

    def _store(self) -> Store:
        from stabbench.records import Store

        return Store(self.folders.store, warn=lambda message: warnings.warn(message, stacklevel=2))
