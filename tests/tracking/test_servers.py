"""Tracking servers that are there, that are down, and that go down in the middle."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from sqlalchemy import NullPool, create_engine, text

from stabbench.errors import UserError
from stabbench.tracking import TrackingOutcome, bring_up_to_date
from stabbench.tracking import server as server_module
from tests import warm
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.tracking.processes import Server, free_port

CELL = SyntheticCell([0.5, 0.0, 0.1, 0.4, 0.55, 0.3])
FULL = 2
"""SQLite's `synchronous` where every commit waits for the disk."""
NAMES = [f"synthetic/acceptability/devlin seed {seed}" for seed in range(1, 7)]


def children(uri: str, preset: str) -> list[Run]:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(f"stabbench/{preset}")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], "tags.`stabbench.kind` = 'run'"))


def test_a_team_server_is_brought_up_to_date_over_http_and_left_alone_the_second_time(
    runs: Path, server: Server, tmp_path: Path
) -> None:
    (selected,) = write_runs(runs, [CELL])
    first = bring_up_to_date(runs, preset="team", tracking_uri=server.uri)
    assert first.complete, first.line()
    assert first.logged == 6
    before = len(server.requests())
    second = bring_up_to_date(runs, preset="team", tracking_uri=server.uri)
    asked = server.requests()[before:]
    assert asked
    assert all(request.startswith("GET ") or request.endswith("/search") for request in asked), asked
    assert (second.logged, second.found, second.cells) == (0, 6, 0)
    found = children(server.uri, "team")
    assert len(found) == 6
    run = next(run for run in found if run.data.tags["stabbench.seed"] == "3")
    path = MlflowClient(tracking_uri=server.uri).download_artifacts(run.info.run_id, "gradnorms.parquet", str(tmp_path))
    assert Path(path).read_bytes() == (selected.records[3].folder / "gradnorms.parquet").read_bytes()
    pages = f"{server.uri}/#/experiments/{run.info.experiment_id}/runs"
    assert first.url == f"{pages}?viewStateShareKey=stabbench-table&workflowType=machine_learning"


def test_only_commits_to_a_write_ahead_log_and_only_while_logging_do_not_wait_for_the_disk(tmp_path: Path) -> None:
    logged, others = (f"sqlite:///{tmp_path / name}.db" for name in ("logged", "others"))

    def waits(uri: str) -> bool:
        with create_engine(uri, poolclass=NullPool).connect() as connection:
            return connection.execute(text("PRAGMA synchronous")).scalar() == FULL

    with server_module.connected(logged):
        assert not waits(logged)
        assert waits(others)
    assert waits(logged)


def test_a_server_killed_in_the_middle_loses_nothing_and_gets_the_rest_once_it_is_back(
    runs: Path, server: Server
) -> None:
    write_runs(runs, [CELL, SyntheticCell(CELL.scores, strategy="mosbach")])

    def kill_at_two(done: int, total: int) -> None:
        if done == 2:
            server.kill()

    started = time.monotonic()
    try:
        outcome = bring_up_to_date(runs, preset="killed", tracking_uri=server.uri, progress=kill_at_two)
        took = time.monotonic() - started
        down = bring_up_to_date(runs, preset="killed", tracking_uri=server.uri)
    finally:
        server.start()
    assert not outcome.complete
    assert outcome.logged + len(outcome.missing) == 12
    assert "Nothing is lost" in outcome.line()
    assert took < 60
    assert down.logged == 0
    assert len(down.missing) == 12
    after = bring_up_to_date(runs, preset="killed", tracking_uri=server.uri)
    assert after.complete, after.line()
    assert after.found + after.logged == 12
    fingerprints = [run.data.tags["stabbench.fingerprint"] for run in children(server.uri, "killed")]
    assert len(fingerprints) == len(set(fingerprints)) == 12


def assert_nothing_logged(outcome: TrackingOutcome) -> None:
    assert outcome.missing == NAMES
    assert outcome.logged == 0
    assert outcome.line().count("\n") == 0
    assert "6 not logged yet" in outcome.line()


def test_a_port_on_which_nobody_listens_is_said_within_seconds(runs: Path) -> None:
    write_runs(runs, [CELL])
    started = time.monotonic()
    outcome = bring_up_to_date(runs, preset="demo", tracking_uri=f"http://127.0.0.1:{free_port()}")
    assert time.monotonic() - started < 20
    assert_nothing_logged(outcome)
    assert "does not answer" in outcome.line()


def test_a_server_that_does_not_know_its_name_refuses_and_the_option_is_named(runs: Path, server: Server) -> None:
    write_runs(runs, [CELL])
    name = f"localhost:{server.port}"
    outcome = bring_up_to_date(runs, preset="demo", tracking_uri=f"http://somebody:secret@{name}")
    assert_nothing_logged(outcome)
    assert f"it refuses, as it does not know that {name} is its name (Invalid Host header)" in outcome.line()
    assert f"start it with `--allowed-hosts '{name},localhost:*'`, then run" in outcome.line()
    assert "does not answer" not in outcome.line()
    assert "secret" not in outcome.line()


class Guard(BaseHTTPRequestHandler):
    """What stands in front of a team's server and lets nobody in."""

    status = 401

    def do_POST(self) -> None:
        """Refuse."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(self.status, "no entry")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, then run"),
        (403, "ask whoever runs it for the right to write there"),
    ],
)
def test_a_server_that_asks_who_is_there_refuses_and_is_not_called_silent(
    runs: Path, status: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(runs, [CELL])
    monkeypatch.setattr(Guard, "status", status)
    with ThreadingHTTPServer(("127.0.0.1", 0), Guard) as guard:
        threading.Thread(target=guard.serve_forever, daemon=True).start()
        outcome = bring_up_to_date(runs, preset="demo", tracking_uri=f"http://127.0.0.1:{guard.server_port}")
        guard.shutdown()
    assert_nothing_logged(outcome)
    assert (
        f"it refuses (API request to endpoint /api/2.0/mlflow/experiments/search failed with error code {status}"
        in (outcome.line())
    )
    assert says in outcome.line()
    assert "does not answer" not in outcome.line()


@pytest.mark.parametrize("uri", ["file:./mlruns", "./mlruns", "ftp://mlflow.example.org"])
def test_a_uri_that_mlflow_does_not_take_is_told_with_its_own_reason_and_one_that_it_takes(
    runs: Path, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(runs, [CELL])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    outcome = bring_up_to_date(runs, preset="demo")
    assert_nothing_logged(outcome)
    own_words = (
        "got unsupported URI 'ftp://" if uri.startswith("ftp") else "set `MLFLOW_ALLOW_FILE_STORE=true` to opt out"
    )
    assert own_words in outcome.line()
    assert "give another one: `--uri sqlite:///mlflow.db`" in outcome.line()
    assert "does not answer" not in outcome.line()


def test_a_server_that_takes_connections_and_never_answers_is_not_waited_for(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(runs, [CELL])
    monkeypatch.setitem(server_module.IMPATIENCE, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        outcome = bring_up_to_date(runs, preset="demo", tracking_uri=uri)
    assert_nothing_logged(outcome)


def test_a_database_server_that_is_down_is_not_retried_for_an_hour(runs: Path) -> None:
    write_runs(runs, [CELL])
    uri = f"postgresql://someone:secret@127.0.0.1:{free_port()}/mlflow"
    outcome = bring_up_to_date(runs, preset="demo", tracking_uri=uri)
    assert_nothing_logged(outcome)
    assert "secret" not in outcome.line()


@pytest.mark.parametrize("kind", ["not a database", "below a file"])
def test_a_database_that_cannot_be_opened_is_said_at_once(runs: Path, tmp_path: Path, kind: str) -> None:
    write_runs(runs, [CELL])
    file = tmp_path / "notes.txt"
    file.write_text(
        "these are notes, of more than a hundred bytes, so that SQLite looks at them and sees no header" * 9
    )
    path = file if kind == "not a database" else file / "mlflow.db"
    outcome = bring_up_to_date(runs, preset="demo", tracking_uri=f"sqlite:///{path}")
    assert_nothing_logged(outcome)
    assert "cannot be written" in outcome.line()
    assert file.read_text().startswith("these are notes")


def test_without_a_uri_the_variable_is_honoured_and_without_that_the_current_folder(
    runs: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(runs, [CELL])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    assert bring_up_to_date(runs, preset="demo").logged == 0
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    outcome = bring_up_to_date(runs, preset="demo")
    assert outcome.uri == "sqlite:///mlflow.db"
    assert outcome.logged == 6
    assert len(children(uri, "demo")) == 6


def test_a_database_named_from_the_current_folder_is_the_one_of_that_folder_also_after_a_change_of_it(
    runs: Path, created_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(runs, [CELL])
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        shutil.copyfile(created_database, tmp_path / name / "mlflow.db")
        monkeypatch.chdir(tmp_path / name)
        assert bring_up_to_date(runs, preset="demo", tracking_uri="sqlite:///mlflow.db").logged == 6


def test_an_empty_selection_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no runs in"):
        bring_up_to_date(tmp_path / "nowhere", preset="demo")


def test_the_room_is_entered_without_mlflow_and_works_without_torch(runs: Path, uri: str) -> None:
    write_runs(runs, [CELL])
    code = (
        "import sys; from pathlib import Path; from stabbench.tracking import bring_up_to_date\n"
        "assert 'mlflow' not in sys.modules\n"
        f"outcome = bring_up_to_date(Path({str(runs)!r}), preset='demo', tracking_uri={uri!r})\n"
        "assert outcome.logged == 6, outcome.line()\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""


def test_two_calls_at_once_log_every_run_once(runs: Path, tmp_path: Path) -> None:
    write_runs(runs, [CELL])
    uri = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    code = (
        "from pathlib import Path; from stabbench.tracking import bring_up_to_date\n"
        f"print(bring_up_to_date(Path({str(runs)!r}), preset='demo', tracking_uri={uri!r}).logged)\n"
    )
    both = [subprocess.Popen([warm.python(), "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = sorted(int(process.communicate(timeout=200)[0]) for process in both)
    assert counts == [0, 6]
    assert len(children(uri, "demo")) == 6
