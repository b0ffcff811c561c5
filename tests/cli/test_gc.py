"""`stabbench gc`: what no plan selects goes, once it is agreed to; all else stays."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.plan import Cell, Spec, write_plan
from stabbench.records import Record, Store
from tests.test_plan import cell
from tests.typed import record_content

OTHER = dataclasses.replace(cell(), strategy="other", spec=Spec({**cell().spec, "plugins": [{"plugin": "x"}]}))
DAY = 24 * 3600
TABLE = pd.DataFrame({"step": [1], "train_loss": [0.7]})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of an empty project folder, the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    return Store(Path(".stabbench/runs"))


def write(store: Store, of: Cell, seed: int) -> Record:
    return store.write(record_content(of, seed), {"device": "cpu"}, {"history.parquet": TABLE})


def gc(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["gc", *arguments], input=answer)


def aged(folder: Path, days: float) -> Path:
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{}", encoding="utf-8")
    moment = time.time() - days * DAY
    for path in (folder / "record.json", folder):
        os.utime(path, (moment, moment))
    return folder


def files(root: Path) -> set[str]:
    return {str(path) for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_only_records_of_no_plan_and_no_study_go_and_their_number_and_size_are_said(store: Store) -> None:
    write_plan(Path("plan"), [dataclasses.replace(cell(), seeds=(1, 2))])
    study = dataclasses.replace(cell(), seeds=(7,), streams={"7": {"head": 1, "order": 2}})
    write_plan(Path("plan/studies/crossed"), [study])
    kept = [write(store, cell(), 1), write(store, cell(), 2), write(store, study, 7)]
    stray = [write(store, cell(), 3), write(store, OTHER, 1)]
    size = sum(path.stat().st_size for record in stray for path in record.folder.iterdir())
    result = gc("--yes")
    assert result.exit_code == 0, result.output
    assert f"removed 2 records ({size / 1000:.3g} kB)" in result.output
    assert all(record.folder.exists() for record in kept)
    assert not any(record.folder.exists() for record in stray)
    assert "nothing to remove" in gc("--yes").output


@pytest.mark.parametrize(("arguments", "answer"), [(["--dry-run"], ""), ([], "n\n"), ([], "")])
def test_nothing_goes_on_a_dry_run_or_without_a_yes(store: Store, arguments: list[str], answer: str) -> None:
    write_plan(Path("plan"), [cell()])
    stray = write(store, OTHER, 1)
    before = files(store.root)
    result = gc(*arguments, answer=answer)
    assert "1 record (" in result.output
    if arguments:
        assert str(stray.folder) in result.output
    assert files(store.root) == before


def test_a_yes_at_the_prompt_is_enough(store: Store) -> None:
    write_plan(Path("plan"), [cell()])
    stray = write(store, OTHER, 1)
    assert "removed 1 record" in gc(answer="y\n").output
    assert not stray.folder.exists()


@pytest.mark.parametrize("studies_only", [False, True])
def test_without_a_plan_everything_would_go_so_it_is_refused(store: Store, studies_only: bool) -> None:
    if studies_only:
        write_plan(Path("plan/studies/crossed"), [cell()])
    record = write(store, cell(), 1)
    result = gc("--yes")
    assert result.exit_code == 2
    assert "no plan files in plan: run `stabbench plan` first" in result.output
    assert record.folder.exists()


def test_a_plan_file_that_cannot_be_read_stops_it_before_anything_goes(store: Store) -> None:
    write_plan(Path("plan"), [cell()])
    record = write(store, OTHER, 1)
    next(Path("plan").glob("*/*/*.json")).write_text("{", encoding="utf-8")
    assert gc("--yes").exit_code == 2
    assert record.folder.exists()


@pytest.mark.parametrize("lock", ["lock", "training_lock"])
def test_a_run_that_another_process_has_locked_stays_and_is_said(store: Store, lock: str) -> None:
    write_plan(Path("plan"), [cell()])
    record = write(store, OTHER, 1)
    with getattr(store, lock)(record.fingerprint):
        result = gc("--yes")
        assert "left, as another process is at work on them: 1 record" in result.output
        assert record.folder.exists()
    assert "removed 1 record" in gc("--yes").output


def test_plans_of_several_projects_that_share_a_store_count_together(store: Store) -> None:
    write_plan(Path("plan"), [cell()])
    write_plan(Path("other"), [OTHER])
    record = write(store, OTHER, 1)
    assert "nothing to remove" in gc("--plan", "plan", "--plan", "other", "--yes").output
    assert record.folder.exists()


def test_weights_damaged_records_and_what_was_abandoned_go_and_what_is_young_stays(store: Store) -> None:
    write_plan(Path("plan"), [cell()])
    planned, stray = cell().fingerprint(1), OTHER.fingerprint(1)
    goes = [
        aged(store.root / ".weights" / stray, 0),
        aged(store.root / ".corrupt" / f"{planned}.0", 0),
        aged(store.root / planned[:2] / f".{planned[:12]}.abcd", 2),
        aged(store.root / ".checkpoints" / "0123", 8),
    ]
    stays = [
        aged(store.root / ".weights" / planned, 100),
        aged(store.root / planned[:2] / planned, 100),
        aged(store.root / planned[:2] / f".{planned[:12]}.efgh", 0.5),
        aged(store.root / ".checkpoints" / "4567", 6),
    ]
    output = gc("--yes").output
    for phrase in ("1 kept weights", "1 damaged record", "1 abandoned temporary folder", "1 abandoned checkpoint"):
        assert phrase in output
    assert [folder.exists() for folder in goes] == [False] * 4
    assert all(folder.exists() for folder in stays)
