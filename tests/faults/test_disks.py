"""Disks that are full or may not be written: one message that names the place, and nothing recorded is lost."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stabbench.errors import UserError
from stabbench.files import write_text
from tests.faults.conftest import Disk
from tests.faults.processes import Ended, digests, here, leftovers, recorded, stabbench, wait_until

RECORD_KIB = 45
"""More than a record of the project takes on a file system with pages of 4 KiB, with what is written beside it."""


def refused(ended: Ended, place: Path | str, reason: str) -> None:
    """The command ended with one message that names the place, and no traceback."""
    assert ended.status == 2, ended
    assert "Traceback" not in ended.errors, ended.errors
    (message,) = [line for line in ended.errors.splitlines() if line.startswith("Error: ")]
    assert f"cannot write to {place}" in message
    assert reason in message


def test_a_store_on_a_full_disk_keeps_what_it_has_and_is_filled_once_there_is_room(
    project: Path, whole: dict[str, str], small_disk: Callable[[int], Disk]
) -> None:
    disk = small_disk(3 * RECORD_KIB)
    words = ("train", "--all", "--store", str(disk.folder))
    ended = here(project, *words)
    refused(ended, disk.folder, "No space left on device): make room there and start again")
    before = {path: path.stat().st_mtime_ns for path in recorded(disk.folder)}
    assert 1 <= len(before) < 6
    assert digests(project, disk.folder).items() <= whole.items()
    assert leftovers(disk.folder) == []
    disk.mount(f"remount,size={20 * RECORD_KIB}k")
    again = here(project, *words)
    assert again.status == 0, again.errors
    assert again.trained == 6 - len(before)
    assert digests(project, disk.folder) == whole
    assert before.items() <= {path: path.stat().st_mtime_ns for path in recorded(disk.folder)}.items()


def test_a_disk_that_is_full_already_is_said_before_any_training(
    project: Path, small_disk: Callable[[int], Disk]
) -> None:
    disk = small_disk(8)
    (disk.folder / "ballast").write_bytes(bytes(8 * 1024))
    ended = here(project, "train", "--all", "--store", str(disk.folder))
    refused(ended, disk.folder, "No space left on device")
    assert [path.name for path in disk.folder.iterdir()] == ["ballast"]


def test_kept_weights_that_do_not_fit_leave_no_half_record(project: Path, small_disk: Callable[[int], Disk]) -> None:
    with (project / "params.yaml").open("a") as file:
        file.write("keep_weights: [1]\n")
    disk = small_disk(RECORD_KIB)
    words = ("train", "--seeds", "1", "--store", str(disk.folder))
    refused(here(project, *words), disk.folder, "No space left on device")
    assert recorded(disk.folder) == []
    assert leftovers(disk.folder) == []
    disk.mount(f"remount,size={20 * RECORD_KIB}k")
    again = here(project, *words)
    assert again.status == 0, again.errors
    assert len(list(disk.folder.rglob("model.safetensors"))) == 1


def test_a_full_selection_leaves_no_half_record_and_trains_nothing_twice(
    project: Path, whole: dict[str, str], small_disk: Callable[[int], Disk]
) -> None:
    disk = small_disk(2 * RECORD_KIB)
    words = ("train", "--runs", str(disk.folder))
    refused(here(project, *words), disk.folder, "No space left on device")
    assert leftovers(disk.folder) == []
    copies = list(disk.folder.rglob("record.json"))
    assert all(len(list(copy.parent.iterdir())) == 5 for copy in copies)
    assert digests(project) == whole
    disk.mount(f"remount,size={20 * RECORD_KIB}k")
    again = here(project, *words)
    assert again.status == 0, again.errors
    assert again.trained == 0
    assert len(list(disk.folder.rglob("record.json"))) == 6


def test_a_training_whose_checkpoints_find_no_room_says_so_and_goes_on_without(
    project: Path, whole: dict[str, str], small_disk: Callable[[int], Disk]
) -> None:
    disk = small_disk(16)
    store = project / ".stabbench/runs"
    store.mkdir(parents=True)
    (store / ".checkpoints").symlink_to(disk.folder)
    ended = stabbench(project, "train", "--all", STABBENCH_CHECKPOINT_MINUTES="0.00001").ended()
    assert ended.status == 0, ended.errors
    assert "warning: no checkpoint: cannot write to .stabbench/runs/.checkpoints/" in ended.errors
    assert "No space left on device" in ended.errors
    assert len(ended.errors.splitlines()) == 6
    assert digests(project) == whole
    assert not [path for path in disk.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["train", "--store", "{disk}/store"], "{disk}/store"),
        (["train", "--all", "--marker", "{disk}/filled.json"], "{disk}"),
        (["prepare", "--data", "{disk}/data"], "{disk}/data/acceptability"),
        (["pretrain"], "models/embedded"),
        (["report", "--out", "{disk}/reports"], "{disk}/reports"),
        (["track", "--marker", "{disk}/tracking.json"], "{disk}"),
    ],
)
def test_a_folder_that_may_not_be_written_is_said_before_any_work(
    project: Path, small_disk: Callable[[int], Disk], words: list[str], place: str
) -> None:
    disk = small_disk(64)
    if "pretrain" in words:
        shutil.rmtree(project / "models")
        (project / "models").symlink_to(disk.folder)
    disk.mount("remount,ro")
    before = {path for path in project.rglob("*") if path.is_file()}
    ended = here(project, *(word.format(disk=disk.folder) for word in words))
    refused(ended, place.format(disk=disk.folder), "Read-only file system): choose another folder or its rights")
    written = {path for path in project.rglob("*") if path.is_file()} - before
    assert all(path.suffix == ".log" for path in written), written


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    rows = (f"{name},rte,{seed},0.{seed}" for name in "ab" for seed in (5, 6, 7))
    (tmp_path / "scores.csv").write_text("\n".join(["strategy,task,seed,score", *rows]))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "place", "reason"),
    [
        (("compare", "scores.csv", "--out", "/proc/x"), "/proc/x", "no file can be made there, choose another folder"),
        (("badge", "scores.csv", "--strategy", "a", "--out", "/proc/x.svg"), "/proc", "choose another folder"),
        (
            ("compare", "scores.csv", "--out", "link"),
            "link",
            "is a link to nowhere/else, which is not there: make that",
        ),
        (("compare", "scores.csv", "--out", "link/in"), "link/in", "is a link to nowhere/else, which is not there"),
        (("badge", "scores.csv", "--strategy", "a", "--out", "link/x.svg"), "link", "is a link to nowhere/else"),
    ],
)
def test_a_place_that_takes_no_files_or_is_not_there_is_said_to_be_so(
    scores: Path, words: tuple[str, ...], place: str, reason: str
) -> None:
    (scores / "link").symlink_to("nowhere/else")
    refused(here(scores, *words), place, reason)
    assert sorted(path.name for path in scores.iterdir()) == ["link", "scores.csv"]


def test_the_writing_itself_says_so_too(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write to /proc/x/y \(No such file.*choose another folder"):
        write_text(Path("/proc/x/y"), "z")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(UserError, match="link is a link to nowhere, which is not there"):
        write_text(tmp_path / "link" / "y", "z")


def test_a_store_that_may_no_longer_be_written_in_the_middle_keeps_what_it_has(
    project: Path, whole: dict[str, str]
) -> None:
    store = project / "store"
    running = stabbench(project, "train", "--all", "--store", "store", "--workers", "1")
    assert wait_until(lambda: recorded(store))
    if subprocess.run(["chattr", "+i", store], check=False, capture_output=True).returncode:
        running.process.send_signal(signal.SIGKILL)
        pytest.skip("this file system has no immutable folders")
    try:
        refused(running.ended(), "store/", "Operation not permitted): choose another folder or its rights")
    finally:
        subprocess.run(["chattr", "-i", store], check=True)
    found = digests(project, store)
    assert len(found) < 6
    assert found.items() <= whole.items()
    again = here(project, "train", "--all", "--store", "store")
    assert again.status == 0, again.errors
    assert again.trained == 6 - len(found)
    assert digests(project, store) == whole


def test_a_read_only_store_that_has_every_run_is_as_good_as_any(
    project: Path, whole: dict[str, str], small_disk: Callable[[int], Disk], planned: Path
) -> None:
    disk = small_disk(20 * RECORD_KIB)
    shutil.copytree(planned / "whole", disk.folder / "store")
    disk.mount("remount,ro")
    ended = here(project, "train", "--store", str(disk.folder / "store"))
    assert ended.status == 0, ended.errors
    assert ended.trained == 0
    assert len(list((project / "runs").rglob("record.json"))) == 6
