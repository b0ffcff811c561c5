"""Scratch is gone at the end, at whatever moment the end comes."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from stabbench.scratch import scratch_file, scratch_folder


@pytest.mark.parametrize("made", [scratch_file, scratch_folder])
def test_a_signal_between_making_and_locking_it_leaves_nothing(
    made: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(handle: int, operation: int) -> None:
        assert list(tmp_path.iterdir()) != []
        raise KeyboardInterrupt

    monkeypatch.setattr(fcntl, "flock", stopped)
    with pytest.raises(KeyboardInterrupt), made(tmp_path / "target"):
        pass
    assert list(tmp_path.iterdir()) == []
