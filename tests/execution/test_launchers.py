"""A launcher that cannot be had is one message, before any work."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main


def train(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["train", *arguments], catch_exceptions=False)


def test_an_address_where_nobody_answers_is_one_message(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'stabbench[ray]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setenv("STABBENCH_LAUNCHER", "ray")
    result = train()
    assert result.exit_code == 2
    assert f"no Ray cluster at {address}" in result.output


def test_without_ray_the_message_says_what_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "stabbench.execution.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    result = train("--launcher", "ray")
    assert result.exit_code == 2
    assert "pip install 'stabbench[ray]'" in result.output


def test_an_unknown_launcher_is_one_message(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABBENCH_LAUNCHER", "rai")
    result = train()
    assert result.exit_code == 2
    assert "unknown launcher 'rai': did you mean 'ray'?" in result.output
    assert not (project / ".stabbench").exists()


def test_an_address_of_ray_client_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'stabbench[ray]'")
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")
    result = train("--launcher", "ray")
    assert result.exit_code == 2
    assert "expected HOST:PORT" in result.output
