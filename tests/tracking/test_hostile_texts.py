"""Texts of strategies and data sets that try to be more than text, on a tracking server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from stabbench.analysis.manifest import FigureFile, write_manifest
from stabbench.analysis.place import Place
from stabbench.tracking import TrackingOutcome
from tests.analysis.synthetic import SyntheticCell, write_runs

SCRIPT = "<script>window.hacked=1<-script>"
LINK = "[click](javascript:window.hacked=2) ![x](http://example.org/x.png)"


def test_a_runs_description_shows_hostile_texts_as_they_are(
    runs: Path, track: Callable[..., TrackingOutcome], uri: str
) -> None:
    write_runs(runs, [SyntheticCell([0.2, 0.3], strategy=SCRIPT, description=LINK, reference=SCRIPT)])
    outcome = track()
    assert outcome.complete, outcome.line()
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("stabbench/demo")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.`stabbench.kind` = 'cell'")
    assert run.data.tags["strategy"] == SCRIPT
    markdown_it = pytest.importorskip("markdown_it", reason="no parser of Markdown (markdown-it-py) is installed")
    html = markdown_it.MarkdownIt("commonmark").render(run.data.tags["mlflow.note.content"])
    assert "<script" not in html
    assert "<a " not in html
    assert "<img" not in html
    assert "&lt;script&gt;window.hacked=1" in html
    assert "[click](javascript:window.hacked=2)" in html


def test_no_file_that_a_browser_would_run_is_an_artifact(
    runs: Path, track: Callable[..., TrackingOutcome], uri: str
) -> None:
    write_runs(runs, [SyntheticCell([0.2, 0.3])])
    figures = runs.parent / "figures"
    figures.mkdir()
    training = FigureFile("training-curves-synthetic-acceptability", "training", Place("synthetic", "acceptability"))
    write_manifest(figures, [FigureFile("stability", "scores", None), training])
    for name in ("stability.png", "stability.svg", "stability.html", "training-curves-synthetic-acceptability.html"):
        (figures / name).write_bytes(b"<script>1</script>")
    assert track(figures=figures).complete
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("stabbench/demo")
    assert experiment is not None
    found = set()
    for run in client.search_runs([experiment.experiment_id]):
        found |= {item.path for item in client.list_artifacts(run.info.run_id)}
    assert found == {"stability.png", "record.json", "gradnorms.parquet"}
