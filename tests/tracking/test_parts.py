"""Studies and probes in a real database: what is theirs, what is shared, and what happens when they change."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from stabbench.errors import UserError
from stabbench.files import write_json
from stabbench.tracking import Part, TrackingOutcome, bring_up_to_date
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.tracking.processes import Server

Track = Callable[..., TrackingOutcome]
DEVLIN = SyntheticCell([0.5, 0.1])
MOSBACH = SyntheticCell([0.5, 0.6], strategy="mosbach")
SLOW = SyntheticCell([0.2, 0.4], strategy="slow", learning_rate=1e-6)


class Database:
    """What the tracking database shows."""

    def __init__(self, uri: str) -> None:
        self.client = MlflowClient(tracking_uri=uri)

    def runs(self, **tags: str) -> list[Run]:
        found = self.client.get_experiment_by_name("stabbench/demo")
        assert found is not None
        condition = " AND ".join(f"tags.`stabbench.{name}` = '{value}'" for name, value in tags.items())
        return list(self.client.search_runs([found.experiment_id], condition))

    def run(self, **tags: str) -> Run:
        (run,) = self.runs(**tags)
        return run

    def fingerprints(self) -> list[str]:
        return sorted(run.data.tags["stabbench.fingerprint"] for run in self.runs(kind="run"))


@pytest.fixture
def database(uri: str) -> Database:
    return Database(uri)


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Part]:
    """Write the records of a study and give it as params.yaml names it."""

    def make(name: str, *cells: SyntheticCell, **options: object) -> Part:
        shutil.rmtree(tmp_path / "studies" / name, ignore_errors=True)
        write_runs(tmp_path / "studies" / name, list(cells))
        return Part(name, options, tmp_path / "studies" / name, tmp_path / "reports/studies" / name)

    return make


@pytest.fixture
def probe(tmp_path: Path) -> Callable[..., Part]:
    """Write what a probe left and give it as params.yaml names it."""

    def make(name: str, loss: float = 0.5, *, points: int = 3, reason: str | None = None) -> Part:
        folder = tmp_path / "probes" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if reason is None:
            pd.DataFrame({"loss": [loss]}).to_csv(folder / "line.csv", index=False)
        chosen = [] if reason else [{"strategy": "devlin", "seed": 1, "status": "failed"}]
        facts = {"task": "rte", "loss": loss, "shared_head": True, "of": {"distance": 2.0}, "none": None}
        write_json(
            folder / "probe.json",
            {"schema_version": 1, "kind": "surface", "options": {"points": points}, "chosen": chosen, "facts": facts,
             "reason": reason, "tables": [] if reason else ["line"]},
        )  # fmt: skip
        return Part(name, {}, folder, tmp_path / "reports/studies" / name)

    return make


def test_a_run_of_two_studies_stands_below_the_first_and_is_marked_with_both(
    runs: Path, track: Track, database: Database, study: Callable[..., Part]
) -> None:
    write_runs(runs, [DEVLIN])
    first, second = study("first", SLOW, DEVLIN), study("second", SLOW)
    outcome = track(studies=[first, second])
    assert (outcome.logged, outcome.pages) == (4, 2)
    assert len(set(database.fingerprints())) == len(database.fingerprints()) == 4
    below = database.run(kind="study-cell", study="first", shared="0 of 2 runs")
    for run in (run for run in database.runs(kind="run") if run.data.tags["strategy"] == "slow"):
        assert run.data.tags["mlflow.parentRunId"] == below.info.run_id
        assert run.data.tags["stabbench.study.first"] == "synthetic/acceptability/slow"
        assert run.data.tags["stabbench.study.second"] == "synthetic/acceptability/slow"
    assert database.run(kind="study-cell", study="second").data.tags["stabbench.shared"] == "2 of 2 runs"
    again = track(studies=[first, second])
    assert (again.logged, again.found, again.cells, again.pages) == (0, 4, 0, 0)


def test_a_team_server_shows_studies_and_probes_too(
    runs: Path, server: Server, study: Callable[..., Part], probe: Callable[..., Part]
) -> None:
    write_runs(runs, [DEVLIN])
    studies, probes = [study("first", SLOW, DEVLIN)], [probe("surface")]

    def track() -> TrackingOutcome:
        return bring_up_to_date(runs, preset="demo", tracking_uri=server.uri, studies=studies, probes=probes)

    outcome = track()
    assert outcome.complete, outcome.line()
    assert (outcome.logged, outcome.pages) == (4, 2)
    assert len(Database(server.uri).runs(kind="study-cell")) == 2
    assert track().line().endswith("up to date, 4 runs")


def test_runs_that_an_older_version_logged_and_those_of_others_are_told_apart(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [DEVLIN])
    track()
    (cell,) = database.runs(kind="cell")
    for run in (cell, *database.runs(kind="run")):
        database.client.delete_tag(run.info.run_id, "stabbench.part")
    foreign = database.client.create_run(cell.info.experiment_id, tags={"stabbench.kind": "of somebody"})
    assert track().logged == 0
    assert len(database.runs(part="grid")) == 3
    assert "stabbench.current" not in database.client.get_run(foreign.info.run_id).data.tags


def test_another_order_of_studies_logs_nothing_again(
    runs: Path, track: Track, database: Database, study: Callable[..., Part]
) -> None:
    write_runs(runs, [DEVLIN])
    parts = [study("first", SLOW), study("second", SLOW)]
    track(studies=parts)
    before = database.fingerprints()
    outcome = track(studies=parts[::-1])
    assert outcome.logged == 0
    assert database.fingerprints() == before
    assert database.run(kind="study-cell", study="second").data.tags["stabbench.shared"] == "0 of 2 runs"


def test_a_studys_run_that_the_grid_takes_over_moves_and_is_not_logged_again(
    runs: Path, track: Track, database: Database, study: Callable[..., Part]
) -> None:
    write_runs(runs, [DEVLIN])
    part = study("first", MOSBACH)
    track(studies=[part])
    ids = {run.info.run_id for run in database.runs(kind="run", study="first")}
    assert len(ids) == 2
    write_runs(runs, [DEVLIN, MOSBACH])
    outcome = track(studies=[part])
    assert (outcome.logged, outcome.found) == (0, 4)
    (cell,) = [run for run in database.runs(kind="cell") if run.data.tags["strategy"] == "mosbach"]
    moved = [run for run in database.runs(kind="run", part="grid") if run.info.run_id in ids]
    assert {run.data.tags["mlflow.parentRunId"] for run in moved} == {cell.info.run_id}
    assert all("stabbench.study" not in run.data.tags for run in moved)
    assert all(run.data.tags["stabbench.study.first"] for run in moved)
    assert database.run(kind="study-cell").data.tags["stabbench.shared"] == "2 of 2 runs"


def test_a_study_that_is_no_longer_there_is_not_current_and_marks_nothing(
    runs: Path, track: Track, database: Database, study: Callable[..., Part]
) -> None:
    write_runs(runs, [DEVLIN])
    part = study("first", SLOW, DEVLIN)
    track(studies=[part])
    assert track().logged == 0
    for kind in ("study", "study-cell"):
        assert {run.data.tags["stabbench.current"] for run in database.runs(kind=kind)} == {"false"}
    assert not any("stabbench.study.first" in run.data.tags for run in database.runs(kind="run", part="grid"))
    assert track(studies=[part]).logged == 0
    assert database.run(kind="study").data.tags["stabbench.current"] == "true"
    unmade = dataclasses.replace(part, folder=part.folder.with_name("unmade"))
    assert track(studies=[unmade]).complete


def test_a_studys_chapter_that_changed_is_shown_anew_over_the_same_cells(
    runs: Path, track: Track, database: Database, study: Callable[..., Part]
) -> None:
    write_runs(runs, [DEVLIN])
    part = study("first", SLOW, seeds="1-2", model={"a": [1]})
    for found in ("<b>nothing</b>", "something"):
        write_json(part.chapter / "facts.json", {"title": "t", "found": [found]})
        (part.chapter / "boxes.svg").write_text("<svg onload=1>")
        assert track(studies=[part]).pages == 1
    run = database.run(kind="study")
    assert run.data.tags["mlflow.note.content"] == "something"
    assert run.data.params == {"seeds": "1-2", "model.a": "[1]"}
    assert {item.path for item in database.client.list_artifacts(run.info.run_id)} == {"facts.json"}
    assert database.run(kind="study-cell").data.tags["mlflow.parentRunId"] == run.info.run_id
    other = study("first", SLOW, seeds="1-3")
    track(studies=[other])
    assert {run.data.params["seeds"]: run.data.tags["stabbench.current"] for run in database.runs(kind="study")} == {
        "1-2": "false",
        "1-3": "true",
    }


def test_a_probe_that_measured_again_replaces_its_run_and_other_options_are_another(
    runs: Path, track: Track, database: Database, probe: Callable[..., Part]
) -> None:
    write_runs(runs, [DEVLIN])
    assert track(probes=[probe("surface")]).pages == 1
    assert track(probes=[probe("surface")]).pages == 0
    assert track(probes=[probe("surface", loss=0.25)]).pages == 1
    run = database.run(probe="surface")
    assert run.data.metrics == {"loss": 0.25, "of.distance": 2.0}
    assert run.data.params == {"probe": "surface", "points": "3"}
    shows = {name: run.data.tags[name] for name in ("task", "shared_head", "none", "chosen")}
    assert shows == {"task": "rte", "shared_head": "true", "none": "none", "chosen": "devlin seed 1 (failed)"}
    assert {item.path for item in database.client.list_artifacts(run.info.run_id)} == {"probe.json", "line.csv"}
    track(probes=[probe("surface", points=4), probe("nothing", reason="There is <b>no</b> run.")])
    current = {run.data.params["points"]: run.data.tags["stabbench.current"] for run in database.runs(probe="surface")}
    assert current == {"3": "false", "4": "true"}
    nothing = database.run(probe="nothing")
    assert nothing.data.tags["reason"] == "There is <b>no</b> run."
    assert nothing.data.tags["mlflow.note.content"] == "There is \\<b\\>no\\</b\\> run."


def test_an_interrupted_run_of_a_probe_is_made_again(
    runs: Path, track: Track, database: Database, probe: Callable[..., Part]
) -> None:
    write_runs(runs, [DEVLIN])
    part = probe("surface")
    track(probes=[part])
    database.client.update_run(database.run(probe="surface").info.run_id, status="RUNNING")
    assert track(probes=[part]).pages == 1
    assert database.run(probe="surface").info.status == "FINISHED"


@pytest.mark.parametrize("harm", ["{", "[]", '{"kind": "surface"}', "table"])
def test_a_probe_that_cannot_be_read_is_named_before_anything_is_logged(
    runs: Path, track: Track, probe: Callable[..., Part], harm: str
) -> None:
    write_runs(runs, [DEVLIN])
    part = probe("surface")
    if harm == "table":
        (part.folder / "line.csv").unlink()
    else:
        (part.folder / "probe.json").write_text(harm)
    with pytest.raises(UserError, match="run `stabbench probe surface`"):
        track(probes=[part])


def test_a_probes_numbers_that_are_not_finite_are_text(
    runs: Path, track: Track, database: Database, probe: Callable[..., Part]
) -> None:
    write_runs(runs, [DEVLIN])
    part = probe("surface")
    content = json.loads((part.folder / "probe.json").read_text())
    content["facts"] = {"loss": float("inf"), "share": float("nan")}
    (part.folder / "probe.json").write_text(json.dumps(content))
    track(probes=[part])
    run = database.run(probe="surface")
    assert run.data.metrics == {}
    assert (run.data.tags["loss"], run.data.tags["share"]) == ("inf", "nan")
