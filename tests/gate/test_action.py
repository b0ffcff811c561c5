"""action.yml as GitHub would run it: its steps by bash, beside a server that answers as GitHub's REST API does.

The action cannot run on GitHub here. What it sends goes over HTTP to this test's own server.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from action.check import comment
from tests import warm
from tests.gate.test_command import CSV

ROOT = Path(__file__).parent.parent.parent
ACTION = YAML(typ="safe", pure=True).load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
TOKEN = "a-secret-of-the-workflow"
ISSUES = "/repos/team/project/issues"


def expressions(value: object) -> list[str]:
    return re.findall(r"\$\{\{\s*(.*?)\s*\}\}", json.dumps(value))


@dataclass
class GitHub:
    """Comments of one pull request, with what was asked."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    writable: bool = True
    address: str = ""

    def answer(self, method: str, path: str, content: dict[str, str], token: str) -> tuple[int, Any]:
        assert token == f"Bearer {TOKEN}"
        place, _, query = path.partition("?")
        if method == "GET" and place == f"{ISSUES}/7/comments":
            size, page = (int(number) for number in re.findall(r"=(\d+)", query))
            return 200, self.comments[size * (page - 1) : size * page]
        if not self.writable:
            return 403, {"message": "Resource not accessible by integration"}
        if method == "POST" and place == f"{ISSUES}/7/comments":
            self.write(content["body"])
            return 201, self.comments[-1]
        comment = self.comments[int(place.removeprefix(f"{ISSUES}/comments/"))]
        assert method == "PATCH"
        comment["body"] = content["body"]
        return 200, comment

    def write(self, body: str, kind: str = "Bot", association: str = "NONE") -> None:
        comment = {"id": len(self.comments), "body": body, "user": {"type": kind}, "author_association": association}
        self.comments.append(comment)


@pytest.fixture
def github() -> Iterator[GitHub]:
    found = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            content = json.loads(self.rfile.read(length)) if length else {}
            status, body = found.answer(self.command, self.path, content, self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_GET = do_POST = do_PATCH = answer  # noqa: N815  # the names that http.server calls

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Done:
    """What a step left."""

    status: int
    log: str
    summary: str
    outputs: str


def given_to(folder: Path, github: GitHub | None) -> dict[str, str]:
    """What GitHub sets for a step: on pull request 7 where there is a GitHub."""
    event = folder / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}} if github else {"ref": "refs/heads/main"}))
    return {
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "outputs"),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "team/project",
        "GITHUB_API_URL": github.address if github else "http://127.0.0.1:9",
    }


def run(step: dict[str, Any], folder: Path, github: GitHub | None = None, **inputs: str) -> Done:
    """A step with these inputs, on pull request 7 where there is a GitHub."""
    given = {name: str(block.get("default", "")) for name, block in ACTION["inputs"].items()}
    given |= {"github-token": TOKEN, **{name.replace("_", "-"): value for name, value in inputs.items()}}
    resolve = {f"inputs.{name}": value for name, value in given.items()}
    environment = {
        name: re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda found: resolve[found[1]], value)
        for name, value in step["env"].items()
    }
    step_environment = given_to(folder, github)
    files = [Path(step_environment[name]) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")]
    for file in files:
        file.write_text("")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "STABBENCH_"))}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder / given["folder"],
        env={
            **inherited,
            "PATH": warm.path(),
            **step_environment,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    log = done.stdout + done.stderr
    assert TOKEN not in log
    summary, outputs = (file.read_text(encoding="utf-8") for file in files)
    return Done(done.returncode, log, summary, outputs)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results.csv").write_text(CSV)
    return tmp_path


def test_every_input_is_declared_used_and_never_a_part_of_a_script() -> None:
    assert all(block["description"] for block in ACTION["inputs"].values())
    assert {text.removeprefix("inputs.") for text in expressions(STEPS)} == set(ACTION["inputs"])
    for step in STEPS:
        assert not expressions(step.get("run", ""))
        assert step.get("shell") == ("bash" if "run" in step else None)
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", step.get("uses", "actions/checkout@v4.2.2"))
    identifiers = {step["id"] for step in STEPS if "id" in step}
    assert {text.split(".")[1] for text in expressions(ACTION["outputs"])} <= identifiers


def commented(body: str, github: GitHub | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comment alone, as the step writes it."""
    environment = given_to(folder, github) | {"FOLDER": ".", "RESULTS": "results.csv", "GITHUB_TOKEN": TOKEN}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    comment(body)


def test_a_gate_that_fails_says_why_on_the_run_and_the_pull_request_and_keeps_its_status(
    folder: Path, github: GitHub
) -> None:
    """Also where names try to be commands of the workflow."""
    github.write("an older comment")
    (folder / "results.csv").write_text(CSV.replace("devlin", "::error::devlin"))
    done = run(STEPS[-1], folder, github, arguments="--max-failed .1", results="results.csv")
    assert (done.status, done.outputs) == (1, "status=1\n")
    first, *told, last = done.log.splitlines()
    assert told[0].startswith("::error::devlin on rte: 7 of 12 runs failed (58 %")
    assert first == f"::stop-commands::{last.strip(':')}"
    assert done.summary.startswith("**stabbench check** failed: 1 reason; 2 cells")
    assert "mosbach has the smallest standard deviation on rte" in done.summary
    _, ours = github.comments
    assert ours["body"].startswith("<!-- stabbench check ")
    assert done.summary in ours["body"]


def test_the_comment_of_the_last_time_is_written_anew_and_nobody_elses(
    folder: Path, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(120):
        github.write(f"comment {number}")
    commented("first", github, folder, monkeypatch)
    marker = github.comments[-1]["body"].splitlines()[0]
    github.comments[0] |= {"body": marker, "user": {"type": "User"}}
    commented("second", github, folder, monkeypatch)
    assert len(github.comments) == 121
    assert github.comments[0]["body"] == marker
    assert github.comments[-1]["body"] == f"{marker}\nsecond"
    commented("x" * 100_000, github, folder, monkeypatch)
    assert len(github.comments[-1]["body"]) < 65_536


def test_a_comment_that_is_refused_is_a_warning(
    folder: Path, github: GitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    github.writable = False
    commented("first", github, folder, monkeypatch)
    assert capsys.readouterr().out.startswith("::warning::no comment was written (HTTP Error 403")


def test_without_a_pull_request_nothing_is_sent(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commented("first", None, folder, monkeypatch)
    assert capsys.readouterr().out == ""


def test_a_mistake_in_what_is_asked_is_shown_and_is_status_2(folder: Path, github: GitHub) -> None:
    trap = "$(touch trap)`touch trap`;touch trap"
    wrong = {"arguments": f"--max-faild {shlex.quote(trap)}", "results": "results.csv", "comment": "false"}
    done = run(STEPS[-1], folder, github, **wrong)
    assert (done.status, done.outputs) == (2, "status=2\n")
    assert "No such option" in done.summary
    assert run(STEPS[-1], folder, arguments="--task 'rte").outputs == "status=2\n"
    assert not (folder / "trap").exists()
    assert github.comments == []


def test_the_workflow_of_the_page_gives_inputs_that_there_are_and_its_check_runs(folder: Path) -> None:
    page = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    workflow, gitlab = (
        YAML(typ="safe", pure=True).load(text) for text in re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    )
    (step,) = [step for step in workflow["jobs"]["check"]["steps"] if "/stabbench@" in step.get("uses", "")]
    required = {name for name, block in ACTION["inputs"].items() if block.get("required")}
    assert required <= set(step["with"]) <= set(ACTION["inputs"])
    documented = re.findall(r"^\| `([\w-]+)` \| ", page, re.M)
    assert set(ACTION["inputs"]) <= set(documented)
    (folder / "reports/tables").mkdir(parents=True)
    for file in ("reports/tables/scores.csv", "main.csv"):
        (folder / file).write_text(CSV.replace("0.5", "0.6") if file == "main.csv" else CSV)
    done = run(STEPS[-1], folder, **step["with"])
    assert done.status == 1, done.log
    assert "at most 10 % are allowed" in done.log
    check = next(line for line in gitlab["stability"]["script"] if line.startswith("stabbench check "))
    assert check == f"stabbench check {step['with']['results']} {step['with']['arguments']}"


def test_what_is_named_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without dependencies, and built with what is here: nothing is asked of an index."""
    shutil.copytree(ROOT / "tests/plugin_package", folder / "my plugins")
    settings = {"NO_INDEX": "1", "NO_DEPS": "1", "NO_BUILD_ISOLATION": "0", "TARGET": str(folder / "installed")}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    done = run(STEPS[-2], folder, install="'./my plugins'")
    assert done.status == 0, done.log
    assert (folder / "installed/stabbench_bitfit.py").is_file()
