from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from stabbench.config.chapters import CHAPTERS
from stabbench.report.comparison import compare
from stabbench.report.content import Content, gather
from stabbench.report.figures.drawing import style
from stabbench.report.figures.palette import strategy_colors, themes
from stabbench.report.section import PARTS, Section
from stabbench.report.sections import views
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs

UNSTABLE = [0.5, 0.0, DIVERGED, 0.0, 0.4, 0.3]
STABLE = [0.5, 0.51, 0.52, 0.53, 0.54, 0.55]


def sections_of(runs: Path, cells: Sequence[SyntheticCell], *, incomplete: bool = False) -> dict[str, Section]:
    write_runs(runs, cells)
    content = gather(runs, incomplete=incomplete, levene_center="median", alpha=0.001)
    return drawn(content)


def drawn(content: Content) -> dict[str, Section]:
    with style():
        return {section.name: section for section in views(content)}


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Section]:
    cells = [
        SyntheticCell(UNSTABLE),
        SyntheticCell(STABLE, strategy="mosbach", epochs=6),
        SyntheticCell(STABLE, task="easy"),
    ]
    return sections_of(tmp_path_factory.mktemp("project") / "runs", cells)


def test_every_view_has_its_part_of_the_page_and_says_something(sections: dict[str, Section]) -> None:
    assert list(sections) == [
        "stability", "over-tasks", "scores", "failures", "train-once", "pairs", "cost", "noise", "example-stability",
        "training", "gradients", "gradient-norms", "failed-runs", "early-stopping", "bias-correction-factor",
        "generalisation", "task-statistics", "hyperparameters", "statistics", "making", "definitions", "data",
    ]  # fmt: skip
    assert set(sections) | {"stages"} == CHAPTERS, "the names that studies and probes are refused"
    for section in sections.values():
        assert section.part in PARTS
        assert all(section.found)
        assert section.block is not None or (section.looks_for and section.found)


def test_plain_results_have_the_chapters_that_scores_alone_can_fill() -> None:
    rows = [(name, seed, 0.5 + step * seed) for name, step in (("a", 0.01), ("b", 0.02)) for seed in range(6)]
    found = compare(pd.DataFrame(rows, columns=["strategy", "seed", "score"]).assign(task="rte"))
    assert list(drawn(found.content)) == [
        "stability",
        "scores",
        "failures",
        "train-once",
        "pairs",
        "definitions",
        "data",
    ]


def test_every_figure_hands_over_a_table_of_what_it_shows(sections: dict[str, Section]) -> None:
    tables = {
        (section.name, item.stem): section.data[item.data] if isinstance(item.data, str) else item.data.table
        for section in sections.values()
        for item in section.figures
    }
    assert len(tables) == 2 + 3 + 1 + 2 + 1 + 1 + 1 + 2
    assert not any(table.empty for table in tables.values())

    def drawn_by(name: str, place: int = 0) -> pd.DataFrame:
        return tables[name, sections[name].figures[place].stem]

    norms = drawn_by("gradient-norms")
    assert list(norms.columns) == ["kind", "layer", "outcome", "strategy", "seed", "step", "norm"]
    panels = sections["gradient-norms"].figures[0].figure.axes
    assert len(norms) == sum(np.asarray(line.get_ydata()).size for axes in panels for line in axes.lines)
    failed = drawn_by("failed-runs")
    assert set(failed["strategy"]) == {"devlin"}
    assert set(failed["outcome"]) == {"failed"}
    shares = drawn_by("example-stability")
    assert shares.groupby(["over", "strategy"])["share"].max().tolist() == pytest.approx([100.0] * 4)
    points = drawn_by("generalisation").query("panel == 'runs'")
    assert sorted(points.loc[points["strategy"] == "mosbach", "score"]) == pytest.approx(STABLE)


def test_figures_use_only_colours_that_the_page_can_turn_dark(sections: dict[str, Section]) -> None:
    known = set(themes())
    for section in sections.values():
        for item in section.figures:
            for axes in item.figure.axes:
                used = {to_hex(str(line.get_color())) for line in axes.lines}
                assert used <= known, (section.name, used - known)


def test_a_task_none_of_whose_runs_failed_gets_a_sentence_and_no_figure(sections: dict[str, Section]) -> None:
    failed, norms = sections["failed-runs"], sections["gradient-norms"]
    assert [item.heading for item in failed.figures] == [item.heading for item in norms.figures] == ["acceptability"]
    assert "easy: none of 6 runs failed." in failed.found
    assert any("easy: no run failed" in text for text in norms.found)


def test_the_loss_of_failed_runs_is_drawn_with_the_loss_of_guessing(sections: dict[str, Section]) -> None:
    upper, lower = sections["failed-runs"].figures[0].figure.axes
    lines = {str(line.get_label()): np.asarray(line.get_ydata(), dtype=float) for line in upper.lines}
    assert set(lines) == {"devlin (3)", "guessing, best constant"}
    assert set(lines["guessing, best constant"]) == {0.62}
    assert lines["devlin (3)"] == pytest.approx(0.62, abs=0.06)
    assert np.asarray(lower.lines[-1].get_ydata())[0] == 0.0
    (text, *_) = sections["failed-runs"].found
    assert "3 of 6 runs of the strategies with failures failed, 1 of them by diverging" in text
    assert "2 of 2 (100 %) end at 0.95 times that or above" in text


def test_every_run_is_a_point_over_its_training_loss_failed_ones_crosses(sections: dict[str, Section]) -> None:
    upper, lower = sections["generalisation"].figures[0].figure.axes
    points = [np.asarray(item.get_offsets()) for item in lower.collections if isinstance(item, PathCollection)]
    assert [len(group) for group in points] == [3, 3, 6, 0]
    assert lower.get_xscale() == "log"
    epochs = {str(line.get_label()): float(np.asarray(line.get_xdata())[-1]) for line in upper.lines}
    assert (epochs["devlin (3)"], epochs["mosbach (6)"]) == (3.0, 6.0)


def test_each_matrix_has_a_panel_of_the_failed_and_one_of_the_successful_run(sections: dict[str, Section]) -> None:
    axes = sections["gradient-norms"].figures[0].figure.axes
    titles = [(item.get_title(loc="left"), item.get_title(loc="right")) for item in axes if item.lines]
    assert titles == [
        ("query", "failed"), ("", "successful"), ("output", "failed"), ("", "successful"),
        ("outside the layers", "failed"), ("", "successful"),
    ]  # fmt: skip
    assert [len(item.lines) for item in axes if item.lines] == [4, 4, 4, 4, 3, 3]
    assert all(item.get_yscale() == "log" for item in axes if item.lines)


def test_alberts_shared_layer_is_one_line_and_said_to_be_shared(tmp_path: Path) -> None:
    found = sections_of(tmp_path / "runs", [SyntheticCell([0.0, 0.5], architecture="albert")])["gradient-norms"]
    query = found.figures[0].figure.axes[0]
    assert [str(line.get_label()) for line in query.lines] == ["shared layer"]
    assert "shares one layer's weights, which is drawn once" in found.found[0]


def test_a_strategy_has_its_colour_in_every_chapter(sections: dict[str, Section]) -> None:
    colors = strategy_colors(["devlin", "mosbach"])
    for name in ("failed-runs", "generalisation", "example-stability"):
        for line in sections[name].figures[0].figure.axes[0].lines:
            strategy = str(line.get_label()).split(" ")[0]
            if strategy in colors:
                assert to_hex(str(line.get_color())) == colors[strategy], name


def test_per_point_stability_lists_row_numbers_and_nothing_of_the_data(sections: dict[str, Section]) -> None:
    section = sections["example-stability"]
    assert list(section.data["examples"].columns) == [
        "cell", "example", "label", "correct", "variance", "correct_successful", "variance_successful",
    ]  # fmt: skip
    _, (_, least), (_, agreeing) = section.tables
    assert [row[2] for row in agreeing.rows][:2] == ["all (6)", "successful (3)"]
    for name, text in least.rows:
        assert name.startswith("synthetic/")
        assert re.fullmatch(r"(\d+ \(0\.\d\d\)(, )?)+|none: all runs agree on every example", text), text
    stability = section.data["stability"].set_index(["task", "strategy"])
    assert stability.loc[("acceptability", "devlin"), "runs_successful"] == 3
    assert "(3 of 6 runs failed)" in section.found[0]


def test_the_share_of_correct_runs_on_the_curve_reaches_all_examples(sections: dict[str, Section]) -> None:
    for axes in sections["example-stability"].figures[0].figure.axes:
        assert [float(np.asarray(line.get_ydata())[-1]) for line in axes.lines] == pytest.approx([100.0, 100.0])


def test_a_cell_of_one_run_has_no_stability_and_no_figure(tmp_path: Path) -> None:
    section = sections_of(tmp_path / "runs", [SyntheticCell([0.5])])["example-stability"]
    assert section.found == ["acceptability: no cell has two finished runs."]
    assert not section.figures
    assert section.tables[0][1].rows[0][3] == "n/a (n = 1)"


def test_a_data_set_of_the_paper_has_its_numbers_beside(tmp_path: Path) -> None:
    cells = [SyntheticCell([0.5], task="cola-1k", dataset="cola", counts={"train": 1000, "dev": 1043},
                           sample={"size": 1000, "seed": 0})]  # fmt: skip
    section = sections_of(tmp_path / "runs", cells)["task-statistics"]
    assert section.tables[1][1].rows == [
        ["cola-1k", "training examples", "1,000", "8,551", "a seeded sample here"],
        ["cola-1k", "dev examples", "1,043", "1,043", "agrees"],
        ["cola-1k", "best constant classifier", "0.000", "0.00", "agrees"],
    ]
    assert section.found[0].startswith("2 of 3 numbers are those of the paper's Table 2")
    assert section.tables[0][1].rows[0][2] == "1,000 (sample)"
    assert "train: no 31.0, yes 69.0" in section.tables[0][1].rows[0][4]


def test_hyperparameters_stand_beside_the_papers_and_tasks_are_named_where_they_differ(tmp_path: Path) -> None:
    cells = [SyntheticCell([0.5, 0.4]), SyntheticCell([0.5, 0.4], task="long", epochs=6)]
    section = sections_of(tmp_path / "runs", cells)["hyperparameters"]
    ((_, table),) = section.tables
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["learning_rate"] == ["2e-5", "1e-5 to 5e-5"]
    assert rows["epochs"] == ["3 (acceptability); 6 (long)", "3, 10, 20"]
    assert rows["updates of a run (warm-up)"][0] == "30 (3) (acceptability); 60 (6) (long)"
    assert rows["weight_decay in the optimizer (tensors)"][0] == "0.01\u00a0(1), 0\u00a0(1)"
    assert rows["seeds"] == ["1-2", "25"]
    assert section.found == [
        "In all 4 records recipe, updates, warm-up and every tensor's rate, decay and ε are as planned."
    ]


def test_cells_without_a_finished_run_are_left_out_and_break_nothing(tmp_path: Path) -> None:
    cells = [SyntheticCell([None, None]), SyntheticCell([None], task="other")]
    found = sections_of(tmp_path / "runs", cells, incomplete=True)
    assert [name for name, section in found.items() if section.figures] == ["scores", "bias-correction-factor"]
    assert found["generalisation"].found == ["No run has finished."]
