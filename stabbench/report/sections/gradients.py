"""Fig. 4: gradient norms by layer, a failed run beside a successful one."""

from __future__ import annotations

from stabbench.report import findings
from stabbench.report.content import Content
from stabbench.report.figures.drawing import COLUMN_WIDTH
from stabbench.report.figures.gradient_norms import gradient_figure
from stabbench.report.section import CAUSES, Data, SavedFigure, Section, SectionFigure


def section(content: Content) -> Section:
    """A figure a model and task, narrow on the page and wide as a file; where there is no pair of runs, why."""
    figures, files, places = [], [], []
    for place in content.traced:
        pair, text = findings.gradients(content, place)
        places.append((place, content.heading(place), text))
        if pair is None:
            continue
        stem, description = f"gradient-norms-{place.stem}", f"Gradient norms by layer. {text}"
        (narrow, table), (wide, _) = gradient_figure(pair, width=COLUMN_WIDTH), gradient_figure(pair)
        name = f"gradients-{place.stem}"
        figures.append(SectionFigure(stem, narrow, description, Data(stem, table), place, name=name))
        files.append(SavedFigure(stem, wide, place))
    block = {"places": places}
    return Section("gradients", "Gradient norms by layer", part=CAUSES, figures=figures, files=files, block=block)
