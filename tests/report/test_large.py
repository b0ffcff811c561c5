"""A grid of more models and tasks than anybody looks at figures of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stabbench.files import read_json
from stabbench.report import content as content_module
from stabbench.report.build import build
from stabbench.report.figures.drawing import PAGE_WIDTH
from tests.analysis.synthetic import SyntheticCell, write_runs


def test_figures_are_drawn_for_the_first_places_and_tables_hold_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_module, "DRAWN_PLACES", 2)
    monkeypatch.setattr(content_module, "TRACED_CELLS", 5)
    scores = [0.5, 0.0, 0.4, 0.44]
    cells = [
        SyntheticCell(scores if strategy == "devlin" else scores[::-1], task=f"task-{number}", strategy=strategy)
        for number in range(3)
        for strategy in ("devlin", "mosbach")
    ]
    write_runs(tmp_path / "runs", cells)
    build(tmp_path / "runs", tmp_path / "reports")
    drawn = {path.stem for path in (tmp_path / "reports").rglob("*.svg")}
    for kind in ("training-curves", "gradient-norms", "failed-runs", "generalisation", "example-stability"):
        found = {name for name in drawn if name.startswith(f"{kind}-synthetic")}
        assert found == {f"{kind}-synthetic-task-{number}" for number in (0,)}
    html = (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")
    said = re.sub(r"\s+", " ", html)
    assert "Scores are drawn for the first 2 of 3 pairs of a model and a task;" in said
    assert "(curves, gradient norms, predictions) is looked into for the first 1." in said
    assert html.count('id="distribution-synthetic-task-') == 2 * len(
        re.findall(r'id="distribution-synthetic-task-0', html)
    )
    metrics = read_json(tmp_path / "reports" / "metrics.json")
    assert set(metrics["stability"]["synthetic"]) == {f"task-{number}" for number in range(3)}
    table = (tmp_path / "reports" / "tables" / "stability.md").read_text(encoding="utf-8")
    assert all(f"task-{number}" in table for number in range(3))
    for section in ("failed-runs", "generalisation"):
        assert len(read_json(tmp_path / "reports" / "studies" / section / "facts.json")["found"]) == 3


def test_what_compares_many_strategies_has_the_width_of_the_page(tmp_path: Path) -> None:
    def page(strategies: int) -> str:
        folder = tmp_path / str(strategies)
        cells = [SyntheticCell([0.5, 0.4, 0.44], strategy=f"recipe-{number}") for number in range(strategies)]
        write_runs(folder / "runs", cells)
        build(folder / "runs", folder / "reports")
        return (folder / "reports" / "index.html").read_text(encoding="utf-8")

    few, many = page(3), page(20)
    assert 'class="across"' not in few
    scores, matrix = (tag for tag in re.findall(r"<(?:figure|div)[^>]*>", many) if 'class="across"' in tag)
    assert scores.startswith("<figure")
    assert matrix.startswith("<div")
    (inches,) = re.findall(r'aria-label="The score of every seed: [^"]+" style="max-width: ([0-9.]+)in"', many)
    assert 1.25 * PAGE_WIDTH <= float(inches) < 1.5 * PAGE_WIDTH
