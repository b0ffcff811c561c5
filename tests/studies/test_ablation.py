from __future__ import annotations

from collections.abc import Callable

import pytest
from matplotlib.colors import to_hex

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.drawing import style
from stabbench.report.figures.palette import MUTED, strategy_colors, themes
from stabbench.report.section import Section
from stabbench.studies import study_named
from stabbench.studies.settings import setting_name
from stabbench.studies.settings_tables import strategy_like
from tests.analysis.synthetic import DIVERGED, SyntheticCell
from tests.studies import drawn

BLOCK = (
    "ablation: {model: embedded, task: acceptability, learning_rates: [1.0e-5, 2.5e-5], epochs: [3, 20], "
    "recommended: {learning_rate: 1.0e-5, epochs: 20, bias_correction: true}}"
)
SCORES: dict[tuple[float, int, bool], list[float]] = {
    (1e-5, 3, False): [0.0, 0.0, 0.3, DIVERGED],
    (2.5e-5, 3, False): [0.0, 0.0, 0.0, 0.0],
    (1e-5, 20, False): [0.4, 0.5, 0.45, 0.0],
    (2.5e-5, 20, False): [0.4, 0.5, 0.3, 0.2],
    (1e-5, 3, True): [0.4, 0.41, 0.42, 0.45],
    (2.5e-5, 3, True): [0.4, 0.5, 0.1, 0.0],
    (1e-5, 20, True): [0.5, 0.51, 0.52, 0.53],
    (2.5e-5, 20, True): [0.5, 0.51, 0.52, 0.6],
}


def cells(scores: dict[tuple[float, int, bool], list[float]] = SCORES) -> list[SyntheticCell]:
    return [
        SyntheticCell(
            values,
            strategy=setting_name(rate, epochs, correction),
            learning_rate=rate,
            epochs=epochs,
            bias_correction=correction,
            gradient_norms=False,
        )
        for (rate, epochs, correction), values in scores.items()
    ]


@pytest.fixture
def section_of(
    config_of: Callable[..., Config], content: Content, selection_of: Callable[..., Selection]
) -> Callable[..., Section]:
    def make(given: list[SyntheticCell], block: str = BLOCK) -> Section:
        entry = study_named(config_of(block), "ablation")
        with style():
            return entry.plugin.section("ablation", entry.options, selection_of(given), content)

    return make


def test_every_combination_is_a_cell_with_its_own_name(config_of: Callable[..., Config]) -> None:
    config = config_of(BLOCK)
    entry = study_named(config, "ablation")
    found = entry.plugin.variations(entry.options, config)
    assert [item.name for item in found] == [
        *("lr1e-5-e3-nobc", "lr2p5e-5-e3-nobc", "lr1e-5-e20-nobc", "lr2p5e-5-e20-nobc"),
        *("lr1e-5-e3-bc", "lr2p5e-5-e3-bc", "lr1e-5-e20-bc", "lr2p5e-5-e20-bc"),
    ]
    assert found[-1].recipe == {"learning_rate": 2.5e-5, "epochs": 20.0, "bias_correction": True}
    assert {(item.strategy, item.seeds) for item in found} == {("devlin", (1, 2, 3, 4))}


def test_a_recommended_setting_outside_of_the_grid_is_refused(config_of: Callable[..., Config]) -> None:
    config = config_of(BLOCK.replace("epochs: 20,", "epochs: 10,"))
    entry = study_named(config, "ablation")
    with pytest.raises(UserError, match=r"recommended setting .*\(1e-5, 10 epochs, bias correction\) is none"):
        entry.plugin.variations(entry.options, config)


def test_what_was_found_is_said_in_numbers(section_of: Callable[..., Section]) -> None:
    section = section_of(cells())
    text = " ".join(section.found)
    assert "Of 7 settings (1 setting all of whose runs failed left out) the std is lowest at 1e-5, 20 epochs" in text
    assert "highest at 2.5e-5, 3 epochs, bias correction (std 23.8, mean 25.0, 1 of 4 failed)" in text
    assert "The recommended setting, 1e-5, 20 epochs, bias correction (std 1.3" in text
    assert "has the std of rank 1 from below" in text
    assert "8 of 16 runs failed without bias correction and 1 of 16 with it" in text
    assert "The clearest difference is at 1e-5, 3 epochs: 3 of 4 without, 0 of 4 with it" in text
    assert "runs below a training loss of 0.1 nats score 10.0 to 60.0 on dev" in text
    assert section.facts["recommended"] == ["lr1e-5-e20-bc"]
    assert len(section.data["settings"]) == 8
    assert len(section.data["runs"]) == 32
    assert len(section.data["correction"]) == 4
    assert [len(table.rows) for _, table in section.tables] == [8, 4]


def test_every_run_is_drawn_and_the_recommended_setting_is_marked(section_of: Callable[..., Section]) -> None:
    boxes, scatter = section_of(cells()).figures
    panels = boxes.figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == [
        *("3 epochs, no correction", "20 epochs, no correction"),
        *("3 epochs, correction", "20 epochs, correction"),
    ]
    assert drawn.points(boxes.figure) == 32
    assert [[text.get_text() for text in axes.texts].count("★") for axes in panels] == [0, 0, 0, 1]
    assert drawn.points(scatter.figure) == 32
    assert scatter.figure.axes[0].get_xscale() == "log"


def test_a_setting_has_the_colour_of_the_strategy_that_trains_like_it(
    section_of: Callable[..., Section], content: Content
) -> None:
    colors = strategy_colors(content.strategies)
    panels = section_of(cells()).figures[0].figure.axes
    found = [{to_hex(patch.get_facecolor()) for patch in axes.patches} for axes in panels]
    assert found == [{colors["devlin"]}, {MUTED}, {colors["devlin-bc"]}, {colors["mosbach"]}]
    assert {color for group in found for color in group} <= themes().keys()


def test_a_strategy_is_alike_only_where_all_but_the_rate_is_the_same(content: Content) -> None:
    assert strategy_like(content, "devlin", {"epochs": 3.0, "bias_correction": True}) == "devlin-bc"
    assert strategy_like(content, "devlin", {"epochs": 3.0, "learning_rate": 1.0}) == "devlin"
    assert strategy_like(content, "devlin", {"epochs": 10.0, "bias_correction": True}) is None
    assert strategy_like(content, "devlin", {"bias_correction": True, "dropout": 0.2}) is None
    assert strategy_like(content, "mixout", {"epochs": 3.0}) is None


def test_a_study_without_a_finished_run_says_so_and_draws_nothing(section_of: Callable[..., Section]) -> None:
    section = section_of([SyntheticCell([None, None], strategy="lr1e-5-e3-bc")])
    assert section.found == ["No run of this study has finished."]
    assert not section.figures


def test_a_recommended_setting_all_of_whose_runs_failed_has_no_rank(section_of: Callable[..., Section]) -> None:
    section = section_of(cells({**SCORES, (1e-5, 20, True): [0.0] * 4}))
    assert "bias correction (std 0.0, mean 0.0, 4 of 4 failed), is not among them." in section.found[1]


def test_one_setting_alone_is_compared_with_nothing(section_of: Callable[..., Section]) -> None:
    section = section_of(cells({(1e-5, 20, True): [0.5, 0.5, 0.5, 0.5]}))
    assert section.found[0] == "Fewer than two of 1 setting can be compared."
    assert "Training loss and dev score cannot be correlated over 4 runs." in section.found
    assert len(section.tables) == 1
