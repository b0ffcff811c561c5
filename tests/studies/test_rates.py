"""The study of learning rates: a cell a strategy and rate, and at which no run failed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.drawing import style
from stabbench.report.section import Section
from stabbench.studies import study_named
from stabbench.studies.rates.options import cell_name
from tests.analysis.synthetic import SyntheticCell
from tests.studies import drawn

BLOCK = (
    "rates: {model: embedded, task: acceptability, seeds: 1-2, "
    "strategies: {devlin: [1.0e-5, 2.5e-5, 1.0e-4], mosbach: [1.0e-5]}}"
)
SCORES: dict[tuple[str, float], list[float | None]] = {
    ("devlin", 1e-5): [0.3, 0.32, 0.34, 0.36],
    ("devlin", 2.5e-5): [0.4, 0.42, 0.44, 0.46],
    ("devlin", 1e-4): [0.0, 0.0, 0.5, 0.5],
    ("mosbach", 1e-5): [0.0, 0.4, 0.4, None],
}
EPOCHS = {"devlin": 3.0, "mosbach": 20.0}


def made(config: Config, content: Content, selection: Selection) -> Section:
    entry = study_named(config, "rates")
    with style():
        return entry.plugin.section("rates", entry.options, selection, content)


def cells_of(scores_of: dict[tuple[str, float], list[float | None]]) -> list[SyntheticCell]:
    return [
        SyntheticCell(
            scores,
            strategy=cell_name(strategy, rate),
            learning_rate=rate,
            epochs=EPOCHS[strategy],
            gradient_norms=False,
        )
        for (strategy, rate), scores in reversed(scores_of.items())
    ]


@pytest.fixture
def section(config_of: Callable[..., Config], content: Content, selection_of: Callable[..., Selection]) -> Section:
    return made(config_of(BLOCK), content, selection_of(cells_of(SCORES)))


def test_the_axis_of_all_panels_reaches_the_best_run_of_each(
    config_of: Callable[..., Config], content: Content, selection_of: Callable[..., Selection]
) -> None:
    higher = SCORES | {("mosbach", 1e-5): [0.8, 0.9, 0.9, 0.95]}
    figure = made(config_of(BLOCK), content, selection_of(cells_of(higher))).figures[0].figure
    ends = [axes.get_ylim() for axes in figure.axes]
    assert len(set(ends)) == 1
    assert ends[0][0] < 0
    assert ends[0][1] > 95


def test_every_strategy_is_trained_at_each_of_its_rates(config_of: Callable[..., Config]) -> None:
    config = config_of(BLOCK)
    entry = study_named(config, "rates")
    found = [(item.strategy, item.name, item.recipe) for item in entry.plugin.variations(entry.options, config)]
    assert found == [
        ("devlin", "devlin-lr1e-5", {"learning_rate": 1e-5}),
        ("devlin", "devlin-lr2p5e-5", {"learning_rate": 2.5e-5}),
        ("devlin", "devlin-lr1e-4", {"learning_rate": 1e-4}),
        ("mosbach", "mosbach-lr1e-5", {"learning_rate": 1e-5}),
    ]


def test_each_strategy_has_a_sentence_with_the_rates_at_which_no_run_failed(section: Section) -> None:
    words = "devlin: no run failed at 1e-5 and 2.5e-5, a span of 2.5; std 2.6 at 1e-5 and 2.6 at 2.5e-5."
    assert section.found[0] == words
    assert section.found[1] == "mosbach: runs failed at every rate."


def test_the_best_mean_is_marked_and_said_to_flatter(section: Section) -> None:
    assert section.found[2].startswith(
        "Each at the rate with its best mean: devlin 43.0 at 2.5e-5 (std 2.6, 0 of 4 failed); mosbach 26.7 at 1e-5"
    )
    assert "confirm it on other seeds" in section.found[2]
    ((_, grid),) = section.tables
    assert [row[:2] for row in grid.rows] == [
        ["devlin", "1e-5"],
        ["devlin", "→ 2.5e-5"],
        ["devlin", "1e-4"],
        ["mosbach", "→ 1e-5"],
    ]


def test_every_finished_run_is_drawn_and_in_the_table(section: Section) -> None:
    (figure,) = section.figures
    assert drawn.points(figure.figure) == 15
    assert [axes.get_title(loc="left") for axes in figure.figure.axes] == ["devlin", "mosbach"]
    assert section.data["runs"]["score"].notna().sum() == 15


def test_rates_without_a_failure_that_have_one_between_them_are_no_span(
    config_of: Callable[..., Config], content: Content, selection_of: Callable[..., Selection]
) -> None:
    scores = {1e-5: [0.35, 0.3], 2.5e-5: [0.0, 0.3], 1e-4: [0.4, 0.5]}
    cells = [
        SyntheticCell(values, strategy=cell_name("devlin", rate), learning_rate=rate, gradient_norms=False)
        for rate, values in scores.items()
    ]
    block = BLOCK.replace(", mosbach: [1.0e-5]", "")
    found = made(config_of(block), content, selection_of(cells)).found
    assert found[0].startswith("devlin: no run failed at 1e-5 and 1e-4; std")


def test_without_a_finished_run_there_is_a_sentence_alone(
    config_of: Callable[..., Config], content: Content, selection_of: Callable[..., Selection]
) -> None:
    cell = SyntheticCell([None, None], strategy=cell_name("devlin", 1e-5), gradient_norms=False)
    section = made(config_of(BLOCK), content, selection_of([cell]))
    assert section.found == ["No run of this study has finished."]
    assert not section.figures


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("rates: {model: embedded, task: acceptability, strategies: {}}", "strategies"),
        ("rates: {model: embedded, task: acceptability, strategies: {devlin: [1.0e-5, 1.0e-5]}}", "found 1e-05 twice"),
        ("rates: {model: embedded, task: acceptability, strategies: {devlin: [-1]}}", "expected a positive number"),
    ],
)
def test_a_mistake_in_the_block_is_told(config_of: Callable[..., Config], block: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        study_named(config_of(block), "rates")
