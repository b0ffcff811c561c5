"""What a reader must know of how many seeds there are, and of when that was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stabbench.analysis.frame import seed_list
from stabbench.analysis.place import Place
from stabbench.analysis.warnings import added_seeds, undeclared_looks, unequal_seeds
from stabbench.report.content import Content
from stabbench.report.numbers import some
from stabbench.report.report_warning import EXAMPLES, ReportWarning


def by_stages(content: Content) -> ReportWarning | None:
    """That how many seeds a strategy has was decided by looks, as declared."""
    about = [(Place.of(item.cell), str(item.cell.looks)) for item in content.selection.cells if item.cell.looks]
    if not about:
        return None
    sentence = (
        "Seeds were trained by stages, so how many a strategy has depends on its scores: p-values and intervals are "
        "those of a fixed number of seeds and do not keep their level here. What the declared looks decided does, and "
        "the stars are theirs: the chapter “Seeds by stages”."
    )
    return ReportWarning("seeds by stages", sentence, about)


def looks_declared_later(content: Content) -> ReportWarning | None:
    """Runs that were trained before their looks were declared."""
    return _of_seeds(
        "looks declared later",
        undeclared_looks(content.selection.cells),
        "Trained before these looks were declared",
        "Where looks are declared after a look at the results, α no longer means what it says.",
    )


def added(content: Content) -> ReportWarning | None:
    """Seeds that were planned after the first run of their cell."""
    return _of_seeds(
        "added seeds",
        added_seeds(content.selection.cells),
        "Added after the first runs of their cell were trained",
        "Where seeds are added after a look at the results, p-values no longer mean what they say.",
    )


def _of_seeds(kind: str, found: Mapping[Place, Sequence[int]], which: str, why: str) -> ReportWarning | None:
    about = [(place, f"seeds {seed_list(seeds)}") for place, seeds in found.items()]
    if not about:
        return None
    named = some([f"{seeds} of {place.name}" for place, seeds in about], EXAMPLES)
    return ReportWarning(kind, f"{which}: {named}. {why}", about)


def unequal(content: Content) -> ReportWarning | None:
    """Strategies of a model and task that have different seeds without declared looks."""
    staged = {Place.of(item.cell).whole for item in content.selection.cells if item.cell.looks is not None}
    found = [item for item in unequal_seeds(content.runs) if item.place not in staged]
    if not found:
        return None
    about = [
        (item.place._replace(strategy=strategy), f"seeds {seed_list(seeds)}")
        for item in found
        for strategy, seeds in item.seeds.items()
    ]
    first, places = found[0], len(content.places)
    apart = [item for item in found if not item.shared]
    groups = some([f"{name} {seed_list(seeds)}" for name, seeds in first.seeds.items()], EXAMPLES)
    where = content.heading(first.place)
    if len(found) > 1:
        of = "tasks" if len(content.models) == 1 else "pairs of a model and a task"
        many = f"all {places}" if len(found) == places else f"{len(found)} of {places}"
        where = f"{many} {of}, first on {where}"
    paired = ""
    if apart:
        share = "" if len(apart) == len(found) else f" on {len(apart)} of them"
        paired = f" Tests paired by seed are n/a{share}: no seed is shared."
    sentence = f"Strategies have different seeds planned on {where}: {groups}. Seeds may have been added later.{paired}"
    return ReportWarning("unequal seeds", sentence, about)
