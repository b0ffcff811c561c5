"""How many seeds the cells of a project, or of a file of scores, need."""

from __future__ import annotations

from stabbench.analysis.seeds_needed import Wanted, cell_needs
from stabbench.project.checking import Choice
from stabbench.report.gate import Source
from stabbench.report.seeds_words import SeedsAnswer


def seeds(source: Source, wanted: Wanted, choice: Choice = Choice()) -> SeedsAnswer:
    """What the finished runs of the chosen cells, as a pilot, say of the seeds that are needed.

    UserError for a name that no cell has.
    """
    places = source.chosen(choice.models, choice.tasks, choice.strategies)
    needs = [cell_needs(source.cells[place], wanted) for place in places]
    return SeedsAnswer(wanted, needs, wanted.seeds_for_ratio(), source.scoring, source.notes)
