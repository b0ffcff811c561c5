from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from stabbench.analysis.layers import layer_norms
from stabbench.analysis.place import Place
from stabbench.processes import processes
from stabbench.report.comparison import compare
from stabbench.report.content import Content, gather
from stabbench.report.figures import rendering
from stabbench.report.figures.boxes import jitter
from stabbench.report.figures.distribution import stability_figure
from stabbench.report.figures.drawing import axes_of, legend_above, new_figure, style
from stabbench.report.figures.gradient_norms import gradient_figure
from stabbench.report.figures.palette import STRATEGIES, strategy_colors, themes
from stabbench.report.figures.passing import keep_links
from stabbench.report.figures.rendering import DPI, Drawings, page_svg, save
from stabbench.report.figures.training_curves import training_figure
from stabbench.report.findings import gradients
from tests.analysis.synthetic import SyntheticCell, write_runs

SCORES = {"devlin": [0.5, 0.0, 0.4, 0.0, 0.3], "mosbach": [0.5, 0.51, 0.52, 0.53, 0.54]}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    folder = tmp_path_factory.mktemp("project")
    write_runs(folder / "runs", [SyntheticCell(scores, strategy=name) for name, scores in SCORES.items()])
    return gather(folder / "runs", incomplete=False, levene_center="median", alpha=0.001)


def test_every_seeds_score_is_drawn_as_a_point(content: Content) -> None:
    with style():
        axes = stability_figure(content).axes[0]
    points = [np.asarray(item.get_offsets()) for item in axes.collections if isinstance(item, PathCollection)]
    drawn = np.concatenate(points)
    assert sorted(drawn[:, 1]) == pytest.approx(sorted(100 * score for scores in SCORES.values() for score in scores))
    assert [len(group) for group in points] == [3, 2, 5]


def test_names_without_end_are_cut_and_leave_the_axes_their_room(tmp_path: Path) -> None:
    scores = [0.5, 0.6, 0.4, 0.7, 0.3]
    rows = [("a" * 900 + end, "t" * 900, seed, score) for end in "xy" for seed, score in enumerate(scores)]
    results = pd.DataFrame(rows, columns=["strategy", "task", "seed", "score"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        compare(results).report(tmp_path)
    drawn = (tmp_path / "figures/stability.svg").read_text()
    assert "…" + "a" * 15 + "x" in drawn
    assert "a" * 33 not in drawn


def test_losses_and_scores_of_a_strategy_stand_over_the_same_updates(content: Content) -> None:
    with style():
        axes = training_figure(content, content.places[0]).axes
    for upper in axes:
        lower = [other for other in axes if other is not upper and other.get_shared_x_axes().joined(upper, other)]
        assert [other.get_xlim() for other in lower] == [upper.get_xlim()]


def test_a_seeds_point_is_shifted_by_the_same_amount_everywhere_and_stays_in_its_slot() -> None:
    seeds = np.arange(1, 1001)
    assert jitter(seeds)[::-1] == pytest.approx(jitter(seeds[::-1]))
    assert np.abs(jitter(seeds)).max() < 0.3
    assert len(np.unique(jitter(np.arange(1, 26)).round(3))) == 25


def test_a_strategy_has_one_colour_in_all_figures(content: Content) -> None:
    colors = strategy_colors(content.strategies)
    with style():
        box = stability_figure(content).axes[0].patches
        curves = training_figure(content, Place("synthetic", "acceptability")).axes
    assert [to_hex(patch.get_facecolor()) for patch in box] == [colors["devlin"], colors["mosbach"]]
    assert to_hex(str(curves[0].lines[0].get_color())) == colors["devlin"]
    assert to_hex(str(curves[1].lines[0].get_color())) == colors["mosbach"]


def luminance(color: str) -> float:
    channels = (int(color[index : index + 2], 16) / 255 for index in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("which", "paper"), [(0, "#fdfdfc"), (1, "#14171a")])
def test_strategies_colours_are_seen_on_light_and_on_dark(which: int, paper: str) -> None:
    for pair in STRATEGIES:
        bright, dim = sorted((luminance(pair[which]), luminance(paper)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) > (2.0 if which == 0 else 4.0), pair


def test_every_colour_of_figures_has_its_own_name() -> None:
    names = [name for name, _, _ in themes().values()]
    assert len(names) == len(set(names)) == 5 + len(STRATEGIES) + 25


def test_gradient_norms_are_drawn_per_layer_on_a_logarithmic_axis(content: Content) -> None:
    pair, text = gradients(content, Place("synthetic", "acceptability"))
    assert pair is not None
    with style():
        figure, table = gradient_figure(pair)
    failed, successful = figure.axes
    assert failed.get_yscale() == successful.get_yscale() == "log"
    expected = layer_norms(pair.failed.record.gradnorms(), pair.failed.tensors)
    drawn = {str(line.get_label()): np.asarray(line.get_ydata()) for line in failed.lines}
    assert set(drawn) == set(expected.columns)
    for layer, norms in drawn.items():
        assert norms == pytest.approx(expected[layer].to_numpy())
        here = table[(table["outcome"] == "failed") & (table["layer"] == layer)]
        assert here["norm"].to_numpy() == pytest.approx(norms)
    assert failed.get_title(loc="left") == "failed: devlin, seed 2"
    assert "devlin seed 2 failed, its seed 1 succeeded" in text


@pytest.mark.parametrize("strategies", [1, 12, 34])
def test_a_legend_of_many_strategies_takes_nothing_from_the_axes_below_it(strategies: int) -> None:
    heights = []
    with style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in (3, strategies):
            figure = new_figure(3.3, 4.3)
            upper, _ = (row[0] for row in axes_of(figure, 2, 1))
            for number in range(count):
                upper.plot([0, 1], [0, number], label=f"strategy-{number}")
            legend_above(figure, upper)
            figure.draw_without_rendering()
            heights.append(upper.get_window_extent().height)
    assert heights[1] > 0.9 * heights[0]


def test_a_figure_saved_twice_has_the_same_bytes(content: Content, tmp_path: Path) -> None:
    for name in ("a", "b"):
        with style():
            save(stability_figure(content), tmp_path / name)
    for kind in ("svg", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_a_png_has_few_colours_and_half_the_bytes_and_looks_as_it_was_drawn(content: Content, tmp_path: Path) -> None:
    with style():
        figure = training_figure(content, content.places[0])
        save(figure, tmp_path / "few")
        figure.savefig(tmp_path / "all.png", dpi=DPI)
    few, whole = (Image.open(tmp_path / f"{name}.png") for name in ("few", "all"))
    assert few.mode == "P"
    assert few.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)
    assert (tmp_path / "few.png").stat().st_size < (tmp_path / "all.png").stat().st_size / 2
    shades = np.abs(np.asarray(few.convert("RGB"), dtype=int) - np.asarray(whole.convert("RGB"), dtype=int))
    assert shades.mean() < 0.1
    assert (shades > 16).mean() < 0.001


@pytest.fixture
def executor() -> Iterator[Executor]:
    with processes(3) as found:
        assert found is not None
        yield found


def test_figures_drawn_by_several_processes_have_the_bytes_of_those_drawn_here(
    content: Content, executor: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with style():
        together, alone = (
            [stability_figure(content), training_figure(content, content.places[0]), logarithmic_figure(content)]
            for _ in range(2)
        )
        drawings = Drawings(executor)
        for figure in together:
            drawings.begin(figure, pixels=True)
        drawings.finish()
        with monkeypatch.context() as patch:
            patch.setattr(rendering, "_draw", None)
            for number, figure in enumerate(together):
                save(figure, tmp_path / f"together-{number}")
        for number, figure in enumerate(alone):
            save(figure, tmp_path / f"alone-{number}")
    names = sorted(path.name for path in tmp_path.glob("alone-*"))
    assert len(names) == 6
    for name in names:
        assert (tmp_path / name).read_bytes() == (tmp_path / name.replace("alone", "together")).read_bytes(), name


def test_a_figure_that_was_passed_on_keeps_the_links_between_its_transforms() -> None:
    keep_links()
    figure = Figure()
    figure.add_subplot()
    passed = ForkingPickler.loads(ForkingPickler.dumps(figure))
    links = passed.dpi_scale_trans._parents
    assert len(links) > 2
    assert links == {id(link()): link for link in links.values()}
    first = next(iter(links.values()))()
    assert first is not None
    passed.dpi = 2 * passed.dpi
    assert first._invalid


def logarithmic_figure(content: Content) -> Figure:
    pair, _ = gradients(content, content.places[0])
    assert pair is not None
    return gradient_figure(pair)[0]


def test_what_a_killed_process_leaves_undrawn_is_drawn_when_it_is_saved(
    content: Content, executor: Executor, tmp_path: Path
) -> None:
    with pytest.raises(BrokenExecutor):
        executor.submit(os._exit, 1).result()
    drawings = Drawings(executor)
    with style():
        figure = stability_figure(content)
        for item in (figure, stability_figure(content)):
            drawings.begin(item, pixels=True)
        drawings.finish()
        save(figure, tmp_path / "figure")
    assert (tmp_path / "figure.png").stat().st_size > 0


def test_figures_for_the_page_have_their_own_ids_and_a_text_for_those_who_cannot_see_them(content: Content) -> None:
    with style():
        figure = stability_figure(content)
        one, two = (page_svg(figure, name, "5 < 6 runs") for name in ("one", "two"))
    assert 'id="one-title">5 &lt; 6 runs</title>' in one
    assert one.replace("one-", "two-") == two
    assert "viewBox" in one
    assert 'width="' not in one[: one.index(">")]
