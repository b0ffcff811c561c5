"""`stabbench probe` on a tiny real project: folders, chapters, and sentences where there is nothing to draw."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.records import Selection


def stabbench(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def change(project: Path, old: str, new: str) -> None:
    text = (project / "params.yaml").read_text()
    assert old in text
    (project / "params.yaml").write_text(text.replace(old, new))


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_surface_leaves_its_numbers_and_its_chapter(project: Path) -> None:
    output = stabbench("probe", "surface").output
    written = json.loads((project / "probes/surface/probe.json").read_text())
    assert files(project / "probes/surface") == {"probe.json", "surface.csv", "points.csv", "line.csv"}
    assert [(run["strategy"], run["seed"], run["status"]) for run in written["chosen"]] == [
        ("devlin", 1, "failed"),
        ("mosbach", 1, "ok"),
    ]
    assert all(run["same_result"] for run in written["chosen"])
    assert written["facts"]["shared_head"]
    surface, points = (pd.read_csv(project / f"probes/surface/{name}.csv") for name in ("surface", "points"))
    assert len(surface) == 16
    assert surface[["loss", "gradient_norm"]].notna().all().all()
    loss = points.set_index("point")["loss"]
    assert f"{loss['pretrained']:.3g} at θp, {loss['failed']:.3g} at θf and {loss['successful']:.3g} nats" in output
    assert {"surface.svg", "surface.png", "facts.json", "surface.csv"} <= files(project / "reports/studies/surface")


def test_what_is_measured_is_not_measured_again_and_comes_out_the_same(project: Path) -> None:
    stabbench("probe", "surface")
    first = {name: (project / "probes/surface" / name).read_bytes() for name in files(project / "probes/surface")}
    (rows,) = (project / ".stabbench/runs/.probes").iterdir()
    times = {path.name: path.stat().st_mtime_ns for path in rows.iterdir()}
    assert len(times) == 6
    stabbench("probe", "surface")
    assert {path.name: path.stat().st_mtime_ns for path in rows.iterdir()} == times
    assert {name: (project / "probes/surface" / name).read_bytes() for name in first} == first


def test_forgetting_measures_every_run_with_every_number_of_layers(project: Path) -> None:
    output = stabbench("probe", "forgetting").output
    table = pd.read_csv(project / "probes/forgetting/perplexity.csv")
    facts = json.loads((project / "probes/forgetting/probe.json").read_text())["facts"]
    assert len(table) == 3 * (facts["layers"] + 2)
    assert table.loc[table["embeddings"], "loss"].tolist() == pytest.approx([facts["reference"]["loss"]] * 3, abs=1e-6)
    assert table["failed"].sum() == 2 * (facts["layers"] + 2)
    assert "held-out text of the embedded model's grammar" in output
    assert "2 failed runs have a perplexity of" in output
    assert "1 successful run has a perplexity of" in output


def test_the_report_shows_every_probe_and_records_stay_as_they_are(project: Path) -> None:
    def records() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in project.glob("runs/**/record.json")}

    before = records()
    stabbench("probe", "surface")
    stabbench("probe", "forgetting")
    stabbench("report")
    html = (project / "reports/index.html").read_text()
    assert '<section id="surface"' in html
    assert "Loss surface: acceptability" in html
    assert "Forgetting: acceptability" in html
    assert records() == before
    assert len(Selection.read(Path("runs")).cells) == 2


def test_a_report_names_a_probe_that_was_not_measured(project: Path) -> None:
    result = CliRunner().invoke(main, ["report"])
    assert result.exit_code == 2
    assert "there is no probes/forgetting/probe.json: run `stabbench probe forgetting`" in result.output
    stabbench("report", "--incomplete")
    assert '<section id="surface"' not in (project / "reports/index.html").read_text()


def test_a_task_without_failed_runs_gets_a_sentence_and_no_figure(project: Path) -> None:
    change(project, "strategies: [devlin, mosbach]", "strategies: [mosbach]")
    stabbench("plan")
    for name in ("surface", "forgetting"):
        output = stabbench("probe", name).output
        assert "No run of embedded on acceptability is failed" in output
        assert files(project / "probes" / name) == {"probe.json"}
        assert files(project / "reports/studies" / name) == {"facts.json"}
    stabbench("report")
    assert "No run of embedded on acceptability is failed" in (project / "reports/index.html").read_text()


def test_a_model_without_a_masked_lm_head_gets_a_sentence(project: Path) -> None:
    from transformers import AutoModel

    folder = project / "models/embedded"
    AutoModel.from_pretrained(folder).save_pretrained(project / "bare")
    (folder / "model.safetensors").write_bytes((project / "bare/model.safetensors").read_bytes())
    stabbench("train", "--workers", "1")
    output = stabbench("probe", "forgetting").output
    assert "embedded has no pretrained masked-LM head, so there is no perplexity to measure." in output
    assert files(project / "probes/forgetting") == {"probe.json"}


def test_a_mistake_in_a_probes_block_stops_the_plan(project: Path) -> None:
    change(project, "points: 4", "point: 4")
    result = CliRunner().invoke(main, ["plan"])
    assert result.exit_code == 2
    assert "probes.surface.point: unknown key: did you mean 'points'?" in result.output


def test_a_probe_without_runs_says_what_to_do(project: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["probe", "surface", "--runs", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "run `stabbench train`" in result.output
    assert not (project / "probes/surface").exists()
