"""A step of action.yml: run `stabbench check`, and show its verdict with the report's summary on GitHub.

The exit status is that of `stabbench check`, whatever becomes of the comment.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

LONGEST = 60_000
"""Characters of a comment; GitHub takes 65,536."""
WRITERS = ("OWNER", "MEMBER", "COLLABORATOR")
"""Who, beside bots, may have written the comment that is written anew: anybody can begin one with the marker."""
SECONDS = 30
PAGE = 100


def main() -> int:
    """Check, show, and give the check's exit status."""
    try:
        arguments, reading = (shlex.split(os.environ[name]) for name in ("ARGUMENTS", "READING"))
    except ValueError as error:
        return _refused(f"Error: the inputs `arguments` and `reading` are not words as a shell has them: {error}")
    results = [os.environ["RESULTS"]] if os.environ["RESULTS"] else []
    with tempfile.TemporaryDirectory() as scratch:
        verdict = Path(scratch, "verdict.md")
        checked = _stabbench("check", *results, *reading, *arguments, "--markdown", str(verdict))
        body = verdict.read_text(encoding="utf-8") if verdict.exists() else _code(checked.stderr)
    _print(checked.stdout + checked.stderr)
    if checked.returncode in (0, 1):
        reported = _stabbench(
            *(["compare", *results, *reading] if results else ["report", "--incomplete"]), "--format", "md"
        )
        body += f"\n{reported.stdout or _code(reported.stderr)}"
    _append("GITHUB_STEP_SUMMARY", body)
    _append("GITHUB_OUTPUT", f"status={checked.returncode}\n")
    if os.environ["COMMENT"] == "true":
        comment(body)
    return checked.returncode


def _refused(message: str) -> int:
    _print(message)
    _append("GITHUB_OUTPUT", "status=2\n")
    return 2


def _stabbench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command; a project's own metrics and studies, which it may import, do not see the token."""
    environment = {name: value for name, value in os.environ.items() if name != "GITHUB_TOKEN"}
    command = [sys.executable, "-m", "stabbench", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)


def _print(text: str) -> None:
    """Print what may hold any names: GitHub takes no line of it for a command such as `::error::`."""
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::", flush=True)


def _code(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def _append(variable: str, text: str) -> None:
    with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
        file.write(text)


def comment(body: str) -> None:
    """Write the comment on the pull request, or the one of the last time anew; a refusal is a warning."""
    pull_request = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8")).get("pull_request")
    if pull_request is None:
        return
    key = hashlib.sha256(f"{os.environ['FOLDER']}\0{os.environ['RESULTS']}".encode()).hexdigest()[:12]
    marker = f"<!-- stabbench check {key} -->"
    more = "\n\nThe rest is in the summary of the workflow's run." if len(body) > LONGEST else ""
    content = {"body": f"{marker}\n{body[:LONGEST]}{more}"}
    issues = f"repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    try:
        known = _written(f"{issues}/{int(pull_request['number'])}/comments", marker)
        if known is None:
            _ask("POST", f"{issues}/{int(pull_request['number'])}/comments", content)
        else:
            _ask("PATCH", f"{issues}/comments/{known}", content)
    except (URLError, TimeoutError) as error:
        print(f"::warning::no comment was written ({error}): it needs the permission pull-requests: write", flush=True)


def _written(place: str, marker: str) -> int | None:
    number = 1
    while True:
        page = _ask("GET", f"{place}?per_page={PAGE}&page={number}")
        for comment in page:
            writer = comment["user"]["type"] == "Bot" or comment["author_association"] in WRITERS
            if writer and (comment["body"] or "").startswith(marker):
                return int(comment["id"])
        if len(page) < PAGE:
            return None
        number += 1


def _ask(method: str, place: str, content: dict[str, str] | None = None) -> Any:
    headers = {
        "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    data = None if content is None else json.dumps(content).encode()
    request = Request(f"{os.environ['GITHUB_API_URL']}/{place}", data=data, headers=headers, method=method)
    with urlopen(request, timeout=SECONDS) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
