"""Names and values that MLflow refuses, cuts or takes for something else, in a database and on a server."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils import validation

from stabbench.plan import Cell, Spec
from stabbench.tracking import TrackingOutcome, bring_up_to_date, names
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.tracking.processes import Server

CHARACTERS = [*"@(),=%+#?*&!\"'<>|\\;`~$^{}[]€\t\n\0é本 ", "e\N{COMBINING ACUTE ACCENT}", "\N{ROCKET}"]
HARD = [f"mine{character}v2.py:Mine" for character in CHARACTERS]
HARD += [
    "",
    ".",
    "..",
    "..mine.py:Mine",
    "...",
    "/",
    "a//b",
    "./a",
    "a/",
    "../a",
    "/a",
    "a/./b",
    "a" * 251,
    "a" * 250 + "b",
]


@dataclass(frozen=True)
class PluginCell(SyntheticCell):
    """A cell of strategies of these names, each with one option."""

    plugins: Sequence[str] = ()
    option: str = "1"

    def plan(self) -> Cell:
        cell = super().plan()
        plugins = [{"plugin": name, "version": "1", "options": {"k": self.option}} for name in self.plugins]
        return dataclasses.replace(cell, spec=Spec(cell.spec, plugins=plugins))


def logged(uri: str, preset: str) -> dict[str, Run]:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(names.name(f"stabbench/{preset}"))
    assert experiment is not None
    return {run.data.tags["stabbench.kind"]: run for run in client.search_runs([experiment.experiment_id])}


def artifact(uri: str, run: Run, name: str, folder: Path) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    path = MlflowClient(tracking_uri=uri).download_artifacts(run.info.run_id, name, str(folder))
    return dict(json.loads(Path(path).read_text(encoding="utf-8")))


@pytest.mark.parametrize("text", HARD)
def test_every_name_is_spelled_as_mlflow_takes_it(text: str) -> None:
    assert names.name(names.name(text)) == names.name(text)
    assert len(names.name(text)) <= validation.MAX_ENTITY_KEY_LENGTH
    for kind in ("param_name", "metric_name", "tag_name", "experiment_name"):
        getattr(validation, f"_validate_{kind}")(names.name(text))
    validation._validate_logged_model_name(names.model_name(text))


def test_names_that_differ_stay_apart_and_those_that_mlflow_takes_stay_as_they_are() -> None:
    assert len({names.name(text) for text in HARD}) == len({names.model_name(text) for text in HARD}) == len(set(HARD))
    for text in ("mixout.p", "mine.py:Mine", "seed.head", "dev/mcc", "mine é.py:Mine", "a" * 250):
        assert names.name(text) == text
    assert names.model_name("embedded-cola-devlin-seed-1") == "embedded-cola-devlin-seed-1"


@pytest.mark.parametrize("backend", ["database", "server"])
def test_a_run_of_strategies_of_all_these_names_is_logged_and_says_what_they_are(
    runs: Path, uri: str, server: Server, tmp_path: Path, backend: str
) -> None:
    where = uri if backend == "database" else server.uri
    write_runs(runs, [PluginCell([0.3], plugins=HARD)])
    outcome = bring_up_to_date(runs, preset="names", tracking_uri=where)
    assert outcome.complete, outcome.line()
    for kind, run in logged(where, "names").items():
        spelled = {names.name(f"{name}.k") for name in HARD}
        assert spelled <= set(run.data.params)
        whole = artifact(where, run, "parameters.json", tmp_path / kind)
        assert {f"{name}.k" for name in HARD} <= set(whole)
        assert {run.data.params[names.name(name)] for name in whole} == set(whole.values())


@pytest.mark.parametrize("backend", ["database", "server"])
def test_a_longer_parameter_is_marked_and_stands_whole_beside_it(
    runs: Path, uri: str, server: Server, tmp_path: Path, backend: str
) -> None:
    where = uri if backend == "database" else server.uri
    long, just = "é" * 6001, "é" * 6000
    cells = [PluginCell([0.3], plugins=["p"], option=just), PluginCell([0.3], strategy="q", plugins=["p"], option=long)]
    write_runs(runs, cells)
    outcome = bring_up_to_date(runs, preset="long", tracking_uri=where)
    assert outcome.complete, outcome.line()
    client = MlflowClient(tracking_uri=where)
    experiment = client.get_experiment_by_name("stabbench/long")
    assert experiment is not None
    for run in client.search_runs([experiment.experiment_id]):
        value = run.data.params["p.k"]
        if run.data.tags["strategy"] == "devlin":
            assert value == just
            assert "parameters.json" not in {item.path for item in client.list_artifacts(run.info.run_id)}
            continue
        assert value.startswith("é" * 200 + "… (6,001 characters, SHA-256 ")
        assert artifact(where, run, "parameters.json", tmp_path / run.info.run_id)["p.k"] == long


def test_long_values_that_differ_at_their_end_alone_do_not_look_the_same() -> None:
    one, other = (names.fitting_parameters({"p": text})["p"] for text in ("a" * 7000, "a" * 6999 + "b"))
    assert one != other
    assert len(one) < names.LONGEST_PARAMETER == validation.MAX_PARAM_VAL_LENGTH
    assert names.LONGEST_TAG <= validation.MAX_TAG_VAL_LENGTH


def test_a_long_description_is_marked_and_stands_whole_beside_it(
    runs: Path, track: Callable[..., TrackingOutcome], uri: str, tmp_path: Path
) -> None:
    write_runs(runs, [SyntheticCell([0.3], strategy="s" * 240, description="word " * 2000)])
    assert track().complete
    cell = logged(uri, "demo")["cell"]
    assert "whole in tags.json" in cell.data.tags["mlflow.note.content"]
    assert len(str(cell.info.run_name)) <= names.LONGEST_NAME
    whole = artifact(uri, cell, "tags.json", tmp_path)
    assert ("word " * 2000).strip() in whole["mlflow.note.content"]
    assert whole["mlflow.runName"] == f"synthetic/acceptability/{'s' * 240}"


@pytest.mark.parametrize("preset", ["a+b (c) 50%", "é", "../../elsewhere", "x" * 300])
def test_an_experiment_of_any_name_lies_beside_its_database(runs: Path, uri: str, tmp_path: Path, preset: str) -> None:
    write_runs(runs, [SyntheticCell([0.3])])
    for logs in (1, 0):
        outcome = bring_up_to_date(runs, preset=preset, tracking_uri=uri)
        assert outcome.complete, outcome.line()
        assert outcome.logged == logs
    assert len(list((tmp_path / "mlruns/stabbench").glob("*/*/artifacts/gradnorms.parquet"))) == 1
