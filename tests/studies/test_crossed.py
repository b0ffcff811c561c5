from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.drawing import style
from stabbench.report.section import Section
from stabbench.studies import studies_of, study_named
from tests.analysis.synthetic import SyntheticCell
from tests.studies import drawn

BLOCK = "crossed: {model: embedded, task: acceptability, levels: 3}"
LEVELS = list(product(range(3), repeat=3))


@pytest.fixture
def section_of(
    config_of: Callable[..., Config], content: Content, selection_of: Callable[..., Selection]
) -> Callable[[list[float | None]], Section]:
    def make(scores: list[float | None]) -> Section:
        config = config_of(BLOCK)
        entry = study_named(config, "crossed")
        (variation,) = entry.plugin.variations(entry.options, config)
        cell = SyntheticCell(
            scores, strategy=variation.name, bias_correction=False, streams=variation.streams, gradient_norms=False
        )
        with style():
            return entry.plugin.section("crossed", entry.options, selection_of([cell]), content)

    return make


def test_every_combination_of_levels_is_one_run_and_the_strategys_own_stream_stays(
    config_of: Callable[..., Config],
) -> None:
    config = config_of(BLOCK)
    entry = study_named(config, "crossed")
    (variation,) = entry.plugin.variations(entry.options, config)
    assert variation.seeds == tuple(range(1, 28))
    streams = [variation.streams[str(seed)] for seed in variation.seeds]
    assert len({tuple(stream.items()) for stream in streams}) == 27
    assert streams[0] == {"head": 1, "order": 1, "dropout": 1, "strategy": 1}
    assert streams[1] == {"head": 1, "order": 1, "dropout": 2, "strategy": 1}
    assert streams[-1] == {"head": 3, "order": 3, "dropout": 3, "strategy": 1}


def test_one_level_is_refused(config_of: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match=r"studies\.crossed\.levels: found 1, expected a number of at least 2"):
        studies_of(config_of(BLOCK.replace("3", "1")))


def test_scores_that_the_data_order_decides_are_put_down_to_the_data_order(
    section_of: Callable[[list[float | None]], Section],
) -> None:
    section = section_of([[0.0, 0.4, 0.5][order] for _, order, _ in LEVELS])
    assert section.found[0].endswith("9 failed. The scores take 3 values.")
    assert "the data order 100 % (100 % to 100 %), in total 100 %" in section.found[1]
    assert "the classifier head 0 % (0 % to 0 %), in total 0 %" in section.found[1]
    assert [figure.stem for figure in section.figures] == ["variance-shares", "scores-by-level"]
    assert drawn.points(section.figures[1].figure) == 3 * 27
    shares = section.data["components"].set_index("component")["share"]
    assert shares["order"] == pytest.approx(1)
    runs = section.data["runs"]
    assert list(runs[["head", "order", "dropout"]].iloc[5]) == [1, 2, 3]


def test_a_component_below_nothing_is_reported(section_of: Callable[[list[float | None]], Section]) -> None:
    section = section_of([0.3 + 0.1 * ((head + order + dropout) % 3) for head, order, dropout in LEVELS])
    assert section.found[-1].startswith("Estimated below 0 and counted as 0 in the shares:")
    ((_, table),) = section.tables
    assert sum(row[1].startswith("-") for row in table.rows) > 0
    assert all(not row[2].startswith("-") for row in table.rows)


def test_a_constant_score_is_not_estimable(section_of: Callable[[list[float | None]], Section]) -> None:
    section = section_of([0.0] * 27)
    assert section.found[-1] == (
        "The score is the same in all runs, so there is no variance to share out: not estimable."
    )
    assert not section.figures


def test_a_missing_run_is_named_and_nothing_is_drawn(section_of: Callable[[list[float | None]], Section]) -> None:
    section = section_of([*[0.5] * 26, None])
    assert section.found == ["1 of 27 runs are missing: the shares need every combination."]
    assert not section.figures
