"""Records that are not what was written: named, moved aside and made again; what reads them says what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from stabbench.plan import Cell
from stabbench.records import Record, Store, UnreadableRecordError
from tests.faults.processes import digests, here, leftovers
from tests.tracking.databases import put_empty_database

pytestmark = pytest.mark.xdist_group("harmed records")
FILES = [
    "record.json",
    "provenance.json",
    "history.parquet",
    "gradnorms.parquet",
    "predictions.parquet",
    "weights/model.safetensors",
]
"""One for each of the six seeds."""


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    """The content with one bit turned over, in its middle."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@pytest.fixture(scope="session")
def kept(planned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with all of its runs and their weights."""
    folder = tmp_path_factory.mktemp("kept") / "project"
    shutil.copytree(planned, folder, ignore=shutil.ignore_patterns("whole"))
    with (folder / "params.yaml").open("a") as file:
        file.write("keep_weights: 1-6\n")
    ended = here(folder, "train")
    assert ended.status == 0, ended.errors
    assert len(list(folder.rglob("model.safetensors"))) == 7
    return folder


@pytest.fixture
def copy(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "project"))


def places(project: Path) -> Iterator[tuple[int, str, Path]]:
    """(seed, file, the folder of the seed's record) for one file of every run."""
    (path,) = project.glob("plan/*/*/*.json")
    cell = Cell.read(path)
    for seed, name in zip(cell.seeds, FILES, strict=True):
        yield seed, name, Store(project / ".stabbench/runs").folder(cell.fingerprint(seed))


@pytest.mark.parametrize("harm", [cut, flip])
def test_a_harmed_record_is_named_moved_aside_and_trained_again(
    copy: Path, whole: dict[str, str], harm: Callable[[bytes], bytes]
) -> None:
    for _, name, folder in places(copy):
        (folder / name).write_bytes(harm((folder / name).read_bytes()))
    ended = here(copy, "train")
    assert ended.status == 0, ended.errors
    assert ended.trained == len(FILES)
    for _, name, folder in places(copy):
        (said,) = [line for line in ended.errors.splitlines() if folder.name in line and name in line]
        assert said.startswith("warning: unreadable ")
        assert "moved to .stabbench/runs/.corrupt/" in said
        assert "will be trained again" in said
        assert (folder / name).is_file()
    assert len(list((copy / ".stabbench/runs/.corrupt").iterdir())) == len(FILES)
    assert digests(copy) == whole
    assert leftovers(copy / ".stabbench/runs") == []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["report"], "record.json"),
        (["track"], "provenance.json"),
        (["track"], "predictions.parquet"),
    ],
)
def test_what_reads_a_harmed_record_names_it_and_says_what_to_do(copy: Path, words: list[str], name: str) -> None:
    harmed = copy / "runs/embedded/acceptability/devlin/seed-0003" / name
    harmed.write_bytes(flip(harmed.read_bytes()))
    ended = here(copy, *words)
    assert ended.status == 2, ended
    assert "Traceback" not in ended.errors
    assert f"unreadable record: runs/embedded/acceptability/devlin/seed-0003/{name}" in ended.errors
    assert "run `stabbench train` again to restore it" in ended.errors
    assert not (copy / "reports").exists()
    assert not (copy / "mlflow.db").exists()


def test_harmed_weights_never_become_a_model(copy: Path) -> None:
    *_, (_, name, folder) = places(copy)
    (folder / name).write_bytes(flip((folder / name).read_bytes()))
    put_empty_database(copy)
    ended = here(copy, "track")
    assert ended.status == 1, ended
    assert "Traceback" not in ended.errors
    assert "1 not logged yet: embedded/acceptability/devlin seed 6 (model): run `stabbench train`" in ended.errors
    assert name in ended.errors
    assert here(copy, "train").status == 0
    again = here(copy, "track")
    assert again.status == 0, again.errors
    assert "0 runs logged, 6 there already, 1 models" in again.output


def test_no_flipped_bit_of_a_record_is_read_as_if_it_were_whole(kept: Path, tmp_path: Path) -> None:
    """Many a byte of each file, with one of its bits turned over."""
    random = Random(5)
    (_, _, source), *_ = places(kept)
    folder = tmp_path / "record"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("weights"))
    good = Record.read(folder)
    made = good.provenance()
    for name in FILES[:-1]:
        content = (folder / name).read_bytes()
        for place in sorted(random.sample(range(len(content)), 600 if name.endswith(".json") else 100)):
            harmed = bytearray(content)
            harmed[place] ^= 1 << random.randrange(8)
            (folder / name).write_bytes(harmed)
            try:
                found = Record.read(folder)
            except UnreadableRecordError as error:
                named = name in str(error)
            else:  # `1e-5` and `1E-5` are one number
                named = (found.content, found.provenance()) == (good.content, made)
            assert named, (name, place)
        (folder / name).write_bytes(content)
