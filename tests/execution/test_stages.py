"""Seeds by stages: what is trained is what the declared looks ask for, whoever trains it and in which order."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

import stabbench
from stabbench import scaffold
from stabbench.analysis.sequential import Decisions, decisions
from stabbench.cli import main
from stabbench.looks import Design
from stabbench.plan import read_plan
from stabbench.records import Selection, Store
from tests.test_pipeline import Project as Pipeline

SCRIPT = Path(__file__).with_name("drawn_score.py")
SPREADS = {"wide": 0.09, "narrow": 0.01, "middle": 0.015}
DESIGN = Design(5, 3)
LOOKS = {"stage": 5, "stages": 3}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A planned project as the current folder, in which nothing is trained."""
    enter(tmp_path, monkeypatch)
    begin(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        enter(place, patch)
        begin(place)
        run("train", "--all", "--marker", "filled.json", "--asked", "seeds")
    return place


@pytest.fixture
def done(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same after `stabbench train --all`."""
    place = tmp_path / "done"
    shutil.copytree(finished, place)
    enter(place, monkeypatch)
    return place


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
        patch.delenv(name, raising=False)


def begin(folder: Path) -> None:
    shutil.copy(SCRIPT, folder)
    rows = [(f"thing number {row}", "good" if row % 2 else "bad") for row in range(60)]
    pd.DataFrame(rows, columns=["body", "kind"]).to_csv(folder / "texts.csv", index=False)
    declare(folder)


def declare(folder: Path, seeds: object = LOOKS, **spreads: float) -> stabbench.Project:
    """A planned project whose strategies spread so much."""
    chosen = spreads or SPREADS
    params = {
        "preset": "stages",
        "seeds": seeds,
        "grid": {"models": ["none"], "tasks": ["texts"], "strategies": list(chosen)},
        "tasks": {"texts": {"files": {"train": "texts.csv"}, "text": "body", "label": "kind"}},
        "strategies": {
            name: {"trainer": {"plugin": f"./{SCRIPT.name}:Drawn", "spread": spread}} for name, spread in chosen.items()
        },
    }
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(params, file)
    project = stabbench.Project(folder)
    project.prepare()
    project.plan()
    return project


def score(name: str, seed: int) -> float:
    return 0.6 + SPREADS[name] * random.Random(f"{name} {seed}").gauss(0, 1)


def expected() -> Decisions:
    """What the looks make of all scores that there could be."""
    scores = {name: [score(name, seed) for seed in range(1, DESIGN.most + 1)] for name in SPREADS}
    return decisions(scores, {}, DESIGN)


def run(*arguments: str, ok: bool = True) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert (result.exit_code == 0) is ok, result.output
    return result


def trained(folder: Path) -> dict[str, list[int]]:
    """The seeds of each strategy that the store has."""
    store = Store(folder / ".stabbench/runs")
    return {
        cell.strategy: [seed for seed in cell.seeds if store.finished(cell.fingerprint(seed))]
        for cell in read_plan(folder / "plan")
    }


def selected(folder: Path) -> dict[str, list[int]]:
    """The seeds of each strategy in `runs/`, of which tables are made."""
    return {item.cell.strategy: sorted(item.records) for item in Selection.read(folder / "runs").cells}


def as_asked() -> dict[str, list[int]]:
    return {name: list(range(1, seeds + 1)) for name, seeds in expected().seeds.items()}


def test_the_example_has_strategies_that_are_decided_early_and_late() -> None:
    """What the tests below are about; scores are drawn, so this is looked at once."""
    assert len(set(expected().seeds.values())) > 1
    assert {pair.state for pair in expected().pairs} == {"apart", "accepted"}


def test_a_strategy_is_trained_until_all_that_is_asked_of_it_is_decided(done: Path) -> None:
    assert trained(done) == as_asked()
    written = {path.stem: json.loads(path.read_text())["seeds"] for path in Path("seeds/none/texts").iterdir()}
    assert written == as_asked()
    assert Path("filled.json").exists()
    again = run("train", "--all")
    assert "0 runs trained" in again.output


def test_it_is_the_same_without_a_pipeline_and_in_any_order_of_trainings(folder: Path) -> None:
    run("train", "--strategy", "narrow", "--seeds", "3-5")
    run("train", "--strategy", "wide")
    assert trained(folder) == {"wide": [1, 2, 3, 4, 5], "narrow": [3, 4, 5], "middle": []}, "the look waits for others"
    run("train")
    assert trained(folder) == as_asked()
    assert selected(folder) == as_asked()


def test_seeds_beyond_what_a_look_asks_for_are_kept_and_left_out(done: Path) -> None:
    run("train", "--seeds", "1-15")
    assert all(len(seeds) == 15 for seeds in trained(done).values())
    assert selected(done) == as_asked()
    run("report")
    shown = pd.read_csv("reports/plots/scores.csv").groupby("strategy")["seed"].apply(list).to_dict()
    assert shown == as_asked()
    run("gc", "--yes")
    assert all(len(seeds) == 15 for seeds in trained(done).values())


def test_a_look_waits_for_a_run_that_broke_and_goes_on_once_it_is_mended(folder: Path) -> None:
    (folder / "broken-2").touch()
    failed = run("train", "--all", "--marker", "filled.json", "--asked", "seeds", ok=False)
    assert "seed 2 is broken" in failed.output
    assert trained(folder) == {name: [1, 3, 4, 5] for name in SPREADS}
    assert not Path("filled.json").exists()
    assert not Path("seeds").exists()
    (folder / "broken-2").unlink()
    run("train", "--all", "--marker", "filled.json", "--asked", "seeds")
    assert trained(folder) == as_asked()


def test_a_shard_trains_its_part_of_one_stage(folder: Path) -> None:
    for stage in range(1, 4):
        parts = [run("train", "--all", "--shard", f"{number}/2").output for number in (1, 2)]
        waited = {name: min(5 * stage, seeds) for name, seeds in expected().seeds.items()}
        assert {name: len(seeds) for name, seeds in trained(folder).items()} == waited, parts
    assert trained(folder) == as_asked()


def test_status_counts_what_is_asked_for_by_now(folder: Path, done: Path) -> None:
    rows = stabbench.Project(folder).status().rows
    assert [(row["seeds"], row["missing"]) for row in rows] == [(5, 5)] * 3
    rows = stabbench.Project(done).status().rows
    assert {row["strategy"]: row["seeds"] for row in rows} == expected().seeds
    assert all(row["missing"] == row["error"] == 0 for row in rows)


def test_seeds_says_what_the_declared_looks_decide_and_that_others_are_a_peek(done: Path) -> None:
    assert run("seeds").output == run("seeds", "--stage", "5", "--stages", "3").output
    assert "told apart" in run("seeds").output
    peek = run("seeds", "--stage", "5", "--stages", "2")
    assert "params.yaml declares other looks (3 stages of 5 seeds" in peek.output
    assert run("seeds", "--margin-mean", ".01").output.startswith("wide on texts")


def test_the_report_says_what_was_declared_and_decided(done: Path) -> None:
    run("report")
    page = Path("reports/index.html").read_text(encoding="utf-8")
    assert "params.yaml declares before the first run: 3 stages of 5 seeds, α = 0.05" in page
    table = pd.read_csv("reports/studies/stages/looks.csv")
    found = {(row.strategy_a, row.strategy_b): (row.state, row.look) for row in table.itertuples()}
    assert found == {(pair.first, pair.second): (pair.state, pair.look) for pair in expected().pairs}
    warnings = pd.read_csv("reports/tables/warnings.csv")["warning"].unique().tolist()
    assert "seeds by stages" in warnings
    assert not {"unequal seeds", "added seeds", "looks declared later"} & {*warnings}


def test_the_star_of_seeds_by_stages_is_what_the_looks_decided(done: Path) -> None:
    """By the test of a fixed number of seeds none of them would have one: 15 seeds a strategy at α = .001."""
    run("report")
    table = pd.read_csv("reports/tables/stability.csv").set_index("strategy")
    first, second = table["std"].nsmallest(2).index
    (pair,) = (pair for pair in expected().pairs if {pair.first, pair.second} == {first, second})
    assert not table["star"].any()
    assert pair.state == "accepted"
    page = Path("reports/index.html").read_text(encoding="utf-8")
    assert "not told apart from the second smallest by the declared looks (α = 0.05)" in page
    declare(done, LOOKS, wide=SPREADS["wide"], narrow=SPREADS["narrow"])
    run("train")
    run("report")
    table = pd.read_csv("reports/tables/stability.csv").set_index("strategy")
    assert table["star"].to_dict() == {"wide": False, "narrow": True}
    assert table["p_spread"].astype(float).to_dict()["narrow"] > 0.001
    page = Path("reports/index.html").read_text(encoding="utf-8")
    assert "the declared looks tell its std from the second smallest (α = 0.05 over all pairs and looks" in page
    assert "What the star is worth" not in page


def test_looks_that_are_declared_after_runs_are_a_peek(folder: Path) -> None:
    two = {name: SPREADS[name] for name in ("wide", "narrow")}
    declare(folder, "1-5", **two)
    run("train")
    declare(folder, LOOKS, **two)
    run("train")
    run("report")
    warnings = pd.read_csv("reports/tables/warnings.csv")
    late = warnings[warnings["warning"] == "looks declared later"]
    assert dict(zip(late["strategy"], late["what"], strict=True)) == dict.fromkeys(two, "seeds 1-5")


def test_a_report_before_a_look_is_complete_says_what_is_missing(folder: Path) -> None:
    run("train", "--strategy", "wide")
    run("train", "--strategy", "narrow", "--seeds", "1-4")
    told = run("report", ok=False)
    assert "none/texts/narrow: 1 of 5 missing (seed 5)" in told.output


def test_a_report_names_strategies_that_were_not_begun_with(folder: Path) -> None:
    run("train", "--strategy", "wide")
    told = run("report", "--format", "md").output
    assert "Of 2 planned cells there are no runs, and no table has any: none/texts/middle and none/texts/narrow" in told


def test_another_strategy_takes_part_in_the_looks_that_are_there(done: Path) -> None:
    declare(done, LOOKS, wide=SPREADS["wide"], narrow=SPREADS["narrow"])
    run("train")
    two = selected(done)
    assert two["wide"] == two["narrow"] == list(range(1, 11))
    declare(done)
    run("train")
    assert selected(done) == as_asked()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_dvc_repro_trains_by_stages_and_selects_again_what_another_strategy_decides(folder: Path) -> None:
    for name in ("plan", "data"):
        shutil.rmtree(folder / name)
    subprocess.run(["git", "init", "--quiet"], check=True)
    pipeline = Pipeline(folder)
    pipeline.run("dvc", "init", "--quiet")
    (folder / "dvc.yaml").write_text(scaffold.files_of("paper")["dvc.yaml"])
    declare(folder, LOOKS, wide=SPREADS["wide"], narrow=SPREADS["narrow"])
    pipeline.run("dvc", "repro", "train")
    assert selected(folder) == {"wide": list(range(1, 11)), "narrow": list(range(1, 11))}
    declare(folder)
    told = pipeline.run("dvc", "repro", "train")
    assert selected(folder) == as_asked()
    assert "Stage 'train@none-texts-wide' didn't change" in told, "it was decided before, and still is"
    assert "Running stage 'train@none-texts-narrow'" in told, "the new pair asks for more of it"


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ({"stage": 5}, "seeds: stages is absent"),
        ({"stage": 5, "stages": 5, "alfa": 0.1}, "seeds: unknown key 'alfa': did you mean 'alpha'?"),
        ({"stage": 2, "stages": 5}, "seeds: stage is 2, expected at least 3 seeds"),
        ({"stage": 5, "stages": 5, "first": -1}, "seeds: found -1, expected seeds from 0"),
        ({"stage": 5, "stages": 5, "questions": ["spred"]}, "questions.0 is 'spred', expected one of spread, level"),
        ({"stage": 5, "stages": 5, "alpha": 0.001, "questions": ["spread", "level"]}, None),
    ],
)
def test_what_is_wrong_with_declared_looks_is_told_before_any_work(
    folder: Path, seeds: object, told: str | None
) -> None:
    text = (folder / "params.yaml").read_text()
    data = YAML(typ="safe").load(text)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump({**data, "seeds": seeds}, file)
    result = run("validate", ok=told is None)
    assert told is None or told in result.output


def test_looks_need_two_strategies(folder: Path) -> None:
    data = YAML(typ="safe").load((folder / "params.yaml").read_text())
    data["grid"]["strategies"] = ["wide"]
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(data, file)
    assert "seeds: found 1 strategy, expected two or more" in run("validate", ok=False).output
