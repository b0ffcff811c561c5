from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from stabbench.config import Config
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.drawing import style
from stabbench.report.figures.palette import INK, strategy_colors
from stabbench.report.figures.settings import correction_figure
from stabbench.report.section import Section
from stabbench.studies import study_named
from stabbench.studies.settings import setting_name
from tests.analysis.synthetic import SyntheticCell
from tests.studies import drawn

BLOCK = "bias-correction: {models: {embedded: [1.0e-5, 2.0e-5], other: [1.0e-5]}, task: acceptability, seeds: 1-2}"
SCORES: dict[tuple[str, float, bool], list[float | None]] = {
    ("embedded", 1e-5, False): [0.0, 0.0, 0.3, 0.4],
    ("embedded", 1e-5, True): [0.4, 0.41, 0.42, 0.44],
    ("embedded", 2e-5, False): [0.0, 0.0, 0.0, 0.0],
    ("embedded", 2e-5, True): [0.4, 0.0, 0.42, 0.44],
    ("other", 1e-5, False): [0.5, 0.51, 0.52, 0.53],
    ("other", 1e-5, True): [0.5, 0.51, 0.52, None],
}


@pytest.fixture
def section(config_of: Callable[..., Config], content: Content, selection_of: Callable[..., Selection]) -> Section:
    cells = [
        SyntheticCell(
            scores,
            model=model,
            strategy=setting_name(rate, 3, correction),
            learning_rate=rate,
            bias_correction=correction,
            gradient_norms=False,
        )
        for (model, rate, correction), scores in SCORES.items()
    ]
    entry = study_named(config_of(BLOCK), "bias-correction")
    with style():
        return entry.plugin.section("bias-correction", entry.options, selection_of(cells), content)


@pytest.mark.parametrize("models", [["embedded"], ["embedded", "other"]])
def test_the_legend_is_on_the_figure_however_few_models_there_are(models: list[str], content: Content) -> None:
    settings = pd.DataFrame({"bias_correction": [False, True], "learning_rate": 1e-5, "epochs": 3.0})
    runs = pd.concat([content.runs.head(2).reset_index(drop=True).assign(model=name).join(settings) for name in models])
    with style():
        figure = correction_figure(runs, lambda epochs, correction: INK, content.scoring)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        left, right = legend.get_window_extent().intervalx
    assert 0 <= left < right <= figure.bbox.width
    assert len(legend.get_texts()) == 4


def test_every_rate_of_every_model_is_trained_on_both_sides(config_of: Callable[..., Config]) -> None:
    config = config_of(BLOCK)
    entry = study_named(config, "bias-correction")
    found = [(item.model, item.name, item.seeds) for item in entry.plugin.variations(entry.options, config)]
    names = [("embedded", "1e-5"), ("embedded", "2e-5"), ("other", "1e-5")]
    assert found == [(model, f"lr{rate}-e3-{side}", (1, 2)) for model, rate in names for side in ("nobc", "bc")]


def test_each_model_has_a_sentence_with_its_failures(section: Section) -> None:
    assert len(section.found) == 2
    assert section.found[0].startswith(
        "embedded, without and with bias correction: at 1e-5 2/4 and 0/4 failed (p\u00a0=\u00a00.43), std "
    )
    assert "Without it runs failed at every rate; with it no run failed at 1e-5." in section.found[0]
    assert "at 1e-5 0/4 and 0/3 failed" in section.found[1]
    assert [table.head[0] for _, table in section.tables] == ["model", "model"]
    assert [row[0] for row in section.tables[1][1].rows] == ["embedded", "embedded", "other"]


def test_both_sides_have_the_same_colours_in_every_models_panel(section: Section, content: Content) -> None:
    colors = strategy_colors(content.strategies)
    panels = section.figures[0].figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == ["embedded", "other"]
    expected = [colors["devlin"], colors["devlin-bc"]]
    assert [[to_hex(patch.get_facecolor()) for patch in axes.patches] for axes in panels] == [expected * 2, expected]
    assert drawn.points(section.figures[0].figure) == 23
