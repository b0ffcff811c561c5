"""Chapters of probes, from their folders alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stabbench.analysis.forgetting import layers_to_recover
from stabbench.analysis.surfaces import barrier, neighbourhood, radius_of
from stabbench.errors import UserError
from stabbench.files import write_json
from stabbench.probes import probe_section
from stabbench.report.content import Content, gather
from stabbench.report.figures.drawing import style
from stabbench.report.figures.palette import strategy_colors, themes
from stabbench.report.figures.rendering import page_svg
from stabbench.report.section import Section
from tests.analysis.synthetic import SyntheticCell, write_runs

AXIS = np.linspace(-1.5, 1.5, 13)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    folder = tmp_path_factory.mktemp("project")
    write_runs(folder / "runs", [SyntheticCell([0.0, 0.4]), SyntheticCell([0.5, 0.5], strategy="mosbach")])
    return gather(folder / "runs", incomplete=False, levene_center="median", alpha=0.001)


def run_of(content: Content, strategy: str, seed: int, **changes: Any) -> dict[str, Any]:
    row = content.runs[(content.runs["strategy"] == strategy) & (content.runs["seed"] == seed)].iloc[0]
    status = str(row["status"])
    head = {"strategy": strategy, "seed": seed, "status": status, "fingerprint": str(row["fingerprint"])}
    return {**head, "weights_status": status, "same_result": True, **changes}


def written(folder: Path, kind: str, tables: Mapping[str, pd.DataFrame], **data: Any) -> Path:
    for name, table in tables.items():
        folder.mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / f"{name}.csv", index=False)
    whole = {"schema_version": 1, "kind": kind, "options": {}, "chosen": [], "facts": {}, "reason": None, **data}
    write_json(folder / "probe.json", whole)
    return folder


def surface_folder(folder: Path, content: Content, **changes: Any) -> Path:
    """A plane with a ridge between the two runs and a steep successful side."""
    alpha, beta = (values.ravel() for values in np.meshgrid(AXIS, AXIS))
    loss = 0.7 + np.exp(-8 * (alpha - beta) ** 2) * (beta > 0.2)
    surface = pd.DataFrame({"alpha": alpha, "beta": beta, "loss": loss, "gradient_norm": 10.0**beta})
    corners = {"point": ["pretrained", "failed", "successful"], "alpha": [0, 1, 0], "beta": [0, 0, 1]}
    points = pd.DataFrame({**corners, "loss": [0.7, 0.69, 0.01], "gradient_norm": [0.2, 0.1, 3.0]})
    t = np.linspace(0, 1, 41)
    line = pd.DataFrame({"t": t, "alpha": 1 - t, "beta": t, "loss": 0.69 - 0.68 * t + np.sin(np.pi * t)})
    facts = {
        "model": "synthetic", "task": "acceptability", "examples": 128, "head_seed": 1, "shared_head": True,
        "length_failed": 9.0, "length_successful": 3.0, "cosine": 0.25,
    }  # fmt: skip
    chosen = [run_of(content, "devlin", 1), run_of(content, "mosbach", 1)]
    tables = {"surface": surface, "points": points, "line": line.assign(gradient_norm=1.0)}
    return written(folder, "surface", tables, **{"facts": facts, "chosen": chosen, **changes})


def forgetting_folder(folder: Path, content: Content, layers: int = 4) -> Path:
    rows = []
    for strategy, seed, start in (("devlin", 1, 6.0), ("devlin", 2, 4.0), ("mosbach", 1, 5.0)):
        failed = (strategy, seed) == ("devlin", 1)
        for k in range(layers + 2):
            loss = 1.5 if k > layers else 1.6 + (start - 1.6) * (1 - k / layers)
            head = {"strategy": strategy, "seed": seed, "failed": failed, "top_layers": min(k, layers)}
            rows.append({**head, "embeddings": k > layers, "loss": loss, "perplexity": np.exp(loss)})
    facts = {
        "model": "synthetic", "task": "acceptability", "layers": layers, "text": "some text", "tokens": 1000,
        "masked_tokens": 150, "reference": {"loss": 1.5, "perplexity": float(np.exp(1.5))},
    }  # fmt: skip
    chosen = [run_of(content, *name) for name in (("devlin", 1), ("devlin", 2), ("mosbach", 1))]
    return written(folder, "forgetting", {"perplexity": pd.DataFrame(rows)}, facts=facts, chosen=chosen)


def section_of(folder: Path, content: Content) -> Section:
    with style():
        return probe_section(folder, content)


def test_a_surfaces_chapter_gives_losses_the_barrier_and_gradient_norms(content: Content, tmp_path: Path) -> None:
    section = section_of(surface_folder(tmp_path / "surface", content), content)
    text = " ".join(section.found)
    assert "the failed run devlin seed 1, θs the successful run mosbach seed 1; both began with this head" in text
    assert "0.7 at θp, 0.69 at θf and 0.01 nats at θs" in text
    assert "above the higher end: a barrier" in text
    assert "within 0.38 of θf" in text
    loss, norm = (axes for axes in section.figures[0].figure.axes[:2])
    for axes in (loss, norm):
        assert {item.get_text() for item in axes.texts} == {"pretrained", "failed", "successful"}
        assert "failed" in axes.get_xlabel()
    bars = [axes.get_xlabel() for axes in section.figures[0].figure.axes[2:]]
    assert bars == ["loss (nats)", "total gradient norm (L2)"]


def test_heads_that_differ_are_said_to(content: Content, tmp_path: Path) -> None:
    folder = surface_folder(tmp_path / "surface", content)
    facts = section_of(folder, content).facts
    surface_folder(tmp_path / "surface", content, facts={**facts, "shared_head": False, "cosine": None})
    text = " ".join(section_of(folder, content).found)
    assert "the successful one with another" in text
    assert "cosine" not in text


def test_a_surface_is_coloured_by_the_page_in_light_and_dark(content: Content, tmp_path: Path) -> None:
    with style():
        section = probe_section(surface_folder(tmp_path / "surface", content), content)
        svg = page_svg(section.figures[0].figure, "surface", "a surface")
    assert "<image" not in svg
    assert not [color for color in themes() if f"{color};" in svg]
    assert "var(--depth-0)" in svg
    assert "fill: #" not in svg


def test_forgetting_gives_perplexities_and_the_layers_that_bring_them_back(content: Content, tmp_path: Path) -> None:
    section = section_of(forgetting_folder(tmp_path / "forgetting", content), content)
    text = " ".join(section.found)
    assert "1,000 tokens of some text, 150 of them masked, the pretrained model has a perplexity of 4.48" in text
    assert "1 failed run has a perplexity of 403; 3 top layers of 4 put back take away half" in text
    assert "2 successful runs have a perplexity of 54.6 and 148; 3 top layers (median) of 4" in text
    failed, successful = section.figures[0].figure.axes
    colors = strategy_colors(content.strategies)
    drawn = {str(line.get_label()): line for line in successful.lines if not str(line.get_label()).startswith("_")}
    assert {label: line.get_color() for label, line in drawn.items()} == {
        "devlin, seed 2": colors["devlin"],
        "mosbach, seed 1": colors["mosbach"],
    }
    assert failed.get_yscale() == "log"
    assert failed.lines[1].get_linestyle() != successful.lines[1].get_linestyle()
    head, rows = section.tables[0][1].head, section.tables[0][1].rows
    assert head[0] == "run"
    assert rows[0][:3] == ["devlin seed 1", "failed", "403"]


@pytest.mark.parametrize("layers", [1, 12, 24])
def test_axes_of_any_depth_end_with_the_embeddings(content: Content, tmp_path: Path, layers: int) -> None:
    section = section_of(forgetting_folder(tmp_path / "forgetting", content, layers), content)
    for axes in section.figures[0].figure.axes:
        labels = [item.get_text() for item in axes.get_xticklabels()]
        assert labels[-1] == "+ emb."
        assert labels[0] == "0"
        assert len(labels) <= 14


def test_a_run_that_came_out_differently_is_never_silent(content: Content, tmp_path: Path) -> None:
    chosen = [
        run_of(content, "devlin", 1, same_result=False, weights_status="ok"),
        run_of(content, "mosbach", 1, fingerprint="f" * 64),
    ]
    section = section_of(surface_folder(tmp_path / "surface", content, chosen=chosen), content)
    assert "devlin seed 1 was trained again for its weights and did not come out as recorded" in section.found[-2]
    assert "it ended as ok where the record says failed" in section.found[-2]
    assert "it no longer has mosbach seed 1" in section.found[-1]


@pytest.mark.parametrize("kind", ["forgetting", "surface"])
def test_a_probe_with_a_reason_is_that_sentence_and_nothing_else(kind: str, content: Content, tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", kind, {}, reason="There is nothing to see.")
    section = section_of(folder, content)
    assert (section.name, list(section.found)) == ("mine", ["There is nothing to see."])
    assert not section.figures
    assert not section.tables


def test_a_folder_that_is_no_probes_says_what_to_do(content: Content, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run `stabbench probe none`"):
        section_of(tmp_path / "none", content)
    with pytest.raises(UserError, match="did you mean 'surface'"):
        section_of(written(tmp_path / "odd", "surfce", {}), content)
    with pytest.raises(UserError, match=r"schema version 9, expected 1"):
        section_of(written(tmp_path / "new", "surface", {}, schema_version=9), content)
    broken = surface_folder(tmp_path / "broken", content)
    (broken / "line.csv").unlink()
    with pytest.raises(UserError, match=r"line\.csv cannot be read"):
        section_of(broken, content)


@pytest.mark.parametrize(
    ("losses", "k"),
    [([5, 4, 3, 2, 1.5], 2), ([5, 2, 4, 2, 1.5], 3), ([5, 4.9, 4.8], None), ([1.0, 0.9, 0.8], None), ([3, 3, 1], 2)],
)
def test_layers_to_recover_is_where_half_is_gone_for_good(losses: list[float], k: int | None) -> None:
    assert layers_to_recover(losses, reference=1.0) == k


def test_a_barrier_is_what_rises_above_the_higher_end() -> None:
    line = pd.DataFrame({"t": [0, 0.25, 0.5, 1], "loss": [0.7, 1.4, 1.2, 0.1]})
    found = barrier(line)
    assert found is not None
    assert (found.t, found.loss, found.height) == pytest.approx((0.25, 1.4, 0.7))
    assert barrier(line.assign(loss=[0.7, 0.5, 0.3, 0.1])).height == 0  # type: ignore[union-attr]
    assert barrier(line.assign(loss=[0.7, np.inf, 0.3, 0.1])) is None


def test_a_neighbourhood_is_a_disc_of_the_grid() -> None:
    alpha, beta = (values.ravel() for values in np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]))
    surface = pd.DataFrame({"alpha": alpha, "beta": beta, "norm": np.arange(9.0)})
    assert radius_of(surface) == 1.5
    assert neighbourhood(surface, 0, 0, "norm", 1.0) == (5, 4.0)
    far, median = neighbourhood(surface, 9, 9, "norm", 1.0)
    assert far == 0
    assert np.isnan(median)


def test_very_low_values_share_the_lowest_shade_and_the_bar_says_so(content: Content, tmp_path: Path) -> None:
    folder = surface_folder(tmp_path / "surface", content)
    surface = pd.read_csv(folder / "surface.csv")
    surface.loc[3, "loss"] = 1e-9
    surface.to_csv(folder / "surface.csv", index=False)
    loss = section_of(folder, content).figures[0].figure.axes[2]
    first = loss.get_xticklabels()[0].get_text()
    assert first == f"≤ {surface['loss'].max() / 50:.2g}"


def test_a_surface_with_holes_or_of_one_value_is_drawn(content: Content, tmp_path: Path) -> None:
    folder = surface_folder(tmp_path / "surface", content)
    surface = pd.read_csv(folder / "surface.csv")
    surface.loc[:5, "loss"] = np.nan
    surface["gradient_norm"] = 0.0
    surface.to_csv(folder / "surface.csv", index=False)
    (figure,) = section_of(folder, content).figures
    with style():
        assert page_svg(figure.figure, "surface", "a surface").startswith("<svg")
