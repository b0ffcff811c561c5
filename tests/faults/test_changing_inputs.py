"""Data and weights that change under a training: what is in memory was verified, what comes later is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stabbench.plan import Cell
from stabbench.records import Store
from tests.faults.processes import finished, here, recorded, stabbench, wait_until


def rewrite_data(project: Path) -> None:
    """As another `stabbench prepare` does it: other examples, whole files, a hash that fits."""
    params = project / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace("dev_size: 32", "dev_size: 40"))
    assert here(project, "prepare").status == 0
    params.write_text(before)


def overwrite_weights(project: Path) -> None:
    """In place, as `cp` does it: whoever has the file mapped would see it."""
    path = project / "models/embedded/model.safetensors"
    with path.open("r+b") as file:
        file.seek(-4000, 2)
        file.write(bytes(4000))


def cut_weights(project: Path) -> None:
    """A mapped file that gets shorter ends whoever reads on."""
    path = project / "models/embedded/model.safetensors"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 4000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rewrite_data, "the task in data/acceptability is not the planned one (content "),
        (overwrite_weights, "the model in models/embedded is not the planned one (content "),
        (cut_weights, "models/embedded/model.safetensors is cut off"),
    ],
)
def test_runs_in_memory_finish_on_what_was_verified_and_later_ones_are_refused(
    project: Path, whole: dict[str, str], change: Callable[[Path], None], message: str
) -> None:
    first, second = (project / f"plan/embedded/acceptability/{name}.json" for name in ("devlin", "mosbach"))
    (project / "mosbach.json").rename(second)
    store = project / ".stabbench/runs"
    running = stabbench(project, "train", "--all", "--workers", "1")
    assert wait_until(lambda: recorded(store))
    with running.paused():
        change(project)
    ended = running.ended()
    assert ended.status == 2, ended
    assert "Traceback" not in ended.errors
    assert message in ended.errors
    assert ended.errors.count("Error: ") == 1
    done = {name: record.result.result_digest for name, record in finished(project, store, [first]).items()}
    assert done == whole
    cell = Cell.read(second)
    assert not [seed for seed in cell.seeds if Store(store).folder(cell.fingerprint(seed)).exists()]
