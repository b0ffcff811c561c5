"""What a parent run shows of a cell: Table 1's numbers, its recipe in words, and the figures that show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stabbench.analysis.frame import reported_of
from stabbench.analysis.manifest import read_manifest
from stabbench.analysis.place import Place
from stabbench.analysis.reported import when_scored
from stabbench.analysis.scoring import Scoring
from stabbench.files import sha256_of_file, sha256_of_json
from stabbench.plan import Cell
from stabbench.tracking.entries import GRID, Entry
from stabbench.tracking.runs import CELL, KIND, PART, STUDY
from stabbench.tracking.texts import finite, plain

CURRENT, SUMMARY, REVISION = "stabbench.current", "stabbench.summary", "stabbench.revision"
COUNTS = ("n", "planned", "failed", "diverged", "collapsed")
SCORES = ("std", "mean", "max", "min", "median", "iqr", "std_successful", "failed_low", "failed_high")
P_VALUES = {"levene_p": "p_levene_median", "levene_p_mean": "p_levene_mean", "levene_p_permutation": "p_permutation"}
SHARED = "stabbench.shared"


@dataclass(frozen=True)
class Summary:
    """A parent run's numbers, the tags that follow them, and its figures by the name that they get."""

    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    figures: Mapping[str, Path] = field(default_factory=dict)

    def digest(self) -> str:
        """Changes whenever anything that the parent run shows changes."""
        figures = {name: sha256_of_file(path) for name, path in self.figures.items()}
        return sha256_of_json({"metrics": dict(self.metrics), "tags": dict(self.tags), "figures": figures})


def summary(entry: Entry, figures: Mapping[str, Path]) -> Summary:
    """A cell's row of `analysis.stability`; numbers that are not defined are left out.

    Cells of a study are conditions, not rivals: they have no star and no p-values here.
    """
    row = entry.row
    metrics = {name: float(row[name]) for name in (*COUNTS, *SCORES) if finite(row[name])}
    if entry.study is not None:
        return Summary(metrics, {SHARED: f"{entry.shared} of {len(entry.selected.records)} runs"}, figures)
    metrics |= {name: float(row[column]) for name, column in P_VALUES.items() if finite(row[column])}
    tags = {
        "best_std": "yes" if row["best_std"] else "no",
        "star": "yes" if row["star"] else "no",
        "second_smallest_std": str(row["rival"]) or "no",
    }
    return Summary(metrics, tags, figures)


def cell_tags(entry: Entry) -> dict[str, str]:
    """The tags that a parent run is made with."""
    cell = entry.cell
    return {
        "mlflow.runName": cell.name,
        "mlflow.source.name": "stabbench",
        "mlflow.note.content": description(cell) + ("" if entry.study is None else _where(entry)),
        KIND: "cell" if entry.study is None else "study-cell",
        PART: GRID if entry.study is None else "study",
        **({} if entry.study is None else {STUDY: entry.study}),
        CELL: entry.key,
        CURRENT: "true",
        **Place.of(cell)._asdict(),
        "metric": cell.task_facts.metric,
    }


def description(cell: Cell) -> str:
    """The strategy in a line, its reference and what its numbers are, for the head of the run's page."""
    facts, scoring = cell.task_facts, Scoring.of_cells([cell])
    kind = scoring.kind(facts.metric)
    metric = plain(scoring.name(facts.metric)) if facts.metric in scoring.own else facts.metric
    unit = ", as fractions" if kind.fraction else ""
    verb = "below" if kind.lower else "above"
    strategy, words, reference, task = map(plain, (cell.strategy, cell.description, cell.reference, cell.task))
    score, examples, trainer = facts.constant.scores.get(facts.metric), facts.counts.get("dev"), cell.spec.trainer
    failed = f"Which runs failed is not known, as nobody says what the {scoring.constant} scores."
    if score is not None:
        failed = f"A run failed where it is not {verb} the {scoring.constant} ({score:.3f})."
    when = when_scored([reported_of(cell)])
    return (
        f"**{strategy}**: {words} ({reference})\n\n"
        f"{metric} on {f'{examples} dev examples' if examples else 'the dev set'} of {task} {when}{unit}; "
        f"std with ddof 1. {failed}"
    ) + ("" if trainer is None else f" Trained by {plain(f'{trainer.name} {trainer.version}')}.")


def _where(entry: Entry) -> str:
    condition = f"tags.`{STUDY}.{entry.study}` LIKE '%{entry.cell.name}%'"
    return (
        f"\n\nA cell of the study {entry.study}. Runs that the grid or an earlier study has too stand there. "
        f"All of its runs: `{condition}`"
    )


def figures_of(cell: Cell, folder: Path | None) -> dict[str, Path]:
    """The figures that show a cell: those of the whole comparison and those that are about its task or itself alone."""
    if folder is None:
        return {}
    place = Place.of(cell)
    names = [f"{item.stem}.png" for item in read_manifest(folder) if item.place in (None, place.whole, place)]
    return {name: folder / name for name in names if (folder / name).is_file()}
