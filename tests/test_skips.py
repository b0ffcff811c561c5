"""A skip that nobody expects fails a run of CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.skips import UnexpectedSkips

ROOT = Path(__file__).parent.parent
TESTS = """
import pytest

def test_runs(): ...

@pytest.mark.skip(reason="no such instrument here")
def test_plays(): ...

@pytest.mark.xfail(reason="out of tune")
def test_sings(): assert False
"""
MODULE = """
import pytest

pytest.importorskip("no_such_instrument", reason="no such orchestra here")
"""


def outcome(folder: Path, *allowed: str) -> int:
    (folder / "test_music.py").write_text(TESTS)
    (folder / "test_concert.py").write_text(MODULE)
    options = [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:randomly",
        f"--rootdir={folder}",
        "-q",
        str(folder),
    ]
    return int(pytest.main(options, plugins=[UnexpectedSkips(allowed)]))


def test_each_skip_has_to_be_allowed_by_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(tmp_path, "instrument") == pytest.ExitCode.TESTS_FAILED
    told = capsys.readouterr().out
    assert "test_concert.py: Skipped: no such orchestra here" in told
    assert "test_plays" not in told
    assert outcome(tmp_path, "instrument", "orchestra") == pytest.ExitCode.OK


def test_ci_asks_for_it() -> None:
    assert "export STABBENCH_CI=1" in (ROOT / ".ci/run").read_text(encoding="utf-8")
