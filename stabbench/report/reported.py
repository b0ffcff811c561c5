"""What a report says of the weights that are scored, where some cells report other ones than their last."""

from __future__ import annotations

from stabbench.analysis.place import Place
from stabbench.analysis.reported import reported_by
from stabbench.report.content import Content
from stabbench.report.numbers import listed, some
from stabbench.report.report_warning import EXAMPLES, ReportWarning


def mixed(content: Content) -> ReportWarning | None:
    """Cells of a model and task that report different weights, whose numbers are not comparable."""
    cells = reported_by(content.runs)
    of_place: dict[Place, set[str]] = {}
    for place, text in cells.items():
        of_place.setdefault(place.whole, set()).add(text)
    about = [(place, text) for place, text in cells.items() if len(of_place[place.whole]) > 1]
    if not about:
        return None
    first = about[0][0].whole
    here = [f"{place.strategy} ({text})" for place, text in about if place.whole == first]
    places = len({place.whole for place, _ in about})
    more = f", and so on {places - 1} more" if places > 1 else ""
    sentence = (
        f"Strategies report different weights, and their scores are not comparable: {some(here, 2 * EXAMPLES)} on "
        f"{content.heading(first)}{more}. What is best on dev was chosen by the very scores that are reported, which "
        "raises them and hides runs that fail later; compare strategies with one checkpoint_selection and "
        "early_stopping_patience."
    )
    return ReportWarning("different weights reported", sentence, about)


def reported_weights(content: Content, model: str) -> str:
    """`Weights reported: best on dev.`, or each strategy's where they differ; empty where all report their last."""
    found: dict[str, dict[str, None]] = {}
    for place, text in reported_by(content.runs).items():
        if place.model == model:
            found.setdefault(text, {})[place.strategy] = None
    if not found:
        return ""
    if len(found) == 1:
        return f"Weights reported: {next(iter(found))}, by all strategies."
    return f"Weights reported: {'; '.join(f'{text}: {listed(list(names))}' for text, names in found.items())}."
