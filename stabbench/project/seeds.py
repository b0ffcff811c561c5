"""How many seeds the cells of a project or of a file of scores need: planned before, or seen as they are trained."""

from __future__ import annotations

from stabbench.analysis.arms import Arms
from stabbench.analysis.gate import GateCell
from stabbench.analysis.place import Place
from stabbench.analysis.seeds_needed import Wanted, cell_needs
from stabbench.errors import UserError
from stabbench.looks import Design
from stabbench.project.checking import Choice
from stabbench.report.gate import Source
from stabbench.report.looks_words import LooksAnswer, TaskLooks
from stabbench.report.numbers import plain
from stabbench.report.seeds_words import SeedsAnswer


def seeds(source: Source, wanted: Wanted, choice: Choice) -> SeedsAnswer:
    """What the finished runs of the chosen cells, as a pilot, say of the seeds that are needed.

    UserError for a name that no cell has, and for a margin of 1 or more where scores are fractions.
    """
    places = source.chosen(choice.models, choice.tasks, choice.strategies)
    for cell in (source.cells[place] for place in places):
        margin, name = wanted.margin_mean, source.scoring.name(cell.metric)
        if margin is not None and margin >= 1 and source.scoring.kind(cell.metric).fraction:
            raise UserError(
                f"--margin-mean is {margin:g}, but scores of {name} are fractions: for {margin:g} of the tables, which "
                f"are × 100, say {plain(margin / 100)}"
            )
    needs = [cell_needs(source.cells[place], wanted) for place in places]
    return SeedsAnswer(wanted, needs, wanted.seeds_for_ratio(), source.scoring, source.notes)


def looks(source: Source, design: Design, choice: Choice) -> LooksAnswer:
    """What a declared design makes of the chosen cells' runs so far, all strategies of a model and task together.

    Runs count in the order of their seeds, up to the first planned one that is missing: what comes in later changes no
    look that was taken. UserError for a name that no cell has, where there are no two strategies to compare or too
    many for any test to tell apart, and for a run without a score.
    """
    groups: dict[Place, list[GateCell]] = {}
    for place in source.chosen(choice.models, choice.tasks, choice.strategies):
        groups.setdefault(place.whole, []).append(source.cells[place])
    compared = {whole: cells for whole, cells in groups.items() if len(cells) > 1}
    if not compared:
        raise UserError(f"nothing to compare: {source.name} has no two strategies of one model and task")
    for whole, cells in compared.items():
        refused = design.refused(len(cells))
        if refused is not None:
            raise UserError(f"{whole.task}: {refused}: choose some strategies by --strategy")
    arms = [Arms.of([cell.runs for cell in cells]) for cells in compared.values()]
    found = [TaskLooks(each, each.decided(design)) for each in arms]
    return LooksAnswer(design, found, source.scoring, source.notes)
