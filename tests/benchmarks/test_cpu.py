"""Every part of the benchmark in small, as a user starts it: what the files hold, and that all did the same work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks import step
from benchmarks.cpu import main
from stabbench.execution.settings import available_cores
from stabbench.files import read_json, write_json
from stabbench.models.kernel.compilation import kinds_here
from stabbench.processor import cpu

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
PRODUCTS = ("products", "square", "own-square")
long = pytest.mark.skipif("STABBENCH_LONG" not in os.environ, reason="it takes minutes: `make long` runs it")
"""What the smaller parts of the benchmark show as well but for a part of its own."""


def bench(out: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "STABBENCH_GLUE_DIR"}
    command = [sys.executable, "-m", "benchmarks.cpu", "--quick", "--out", str(out), *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def here(out: Path, *words: str, status: int = 0) -> str:
    """As `bench`, in this process: for what measures nothing."""
    result = CliRunner().invoke(main, ["--quick", "--out", str(out), *words])
    assert result.exit_code == status, result.output
    return result.output


def part(out: Path, name: str) -> dict[str, Any]:
    (machine,) = read_json(out / "cpu.json")["machines"].values()
    found = machine[name]
    assert found["quick"] is True
    assert found["cores"] == available_cores()
    assert found["versions"]["torch"]
    assert 0 <= found["other_processes_share"] <= 1
    found_part: dict[str, Any] = found
    return found_part


def test_rivals_of_a_large_model_take_turns_beside_ours() -> None:
    everybody = step.contenders(2, bf16=True)
    parties = [[each.key for each in party] for party in step._parties(everybody, turns=True)]
    trainers = ["trainer-dynamic", "trainer-padded"]
    assert parties[:2] == [["ours", "lean"], ["ours", *trainers]]
    assert parties[2:4] == [["ours-bf16", "lean-bf16"], ["ours-bf16", *(f"{each}-bf16" for each in trainers)]]
    assert parties[-1] == list(PRODUCTS)
    assert {key for party in parties for key in party} == {each.key for each in everybody}
    assert step._parties(everybody, turns=False) == [everybody]


@long
def test_a_step_of_every_contender_is_timed_equally_often(tmp_path: Path) -> None:
    printed = bench(tmp_path, "--only", "step", "--cells", "bert-tiny/cola")
    page = (tmp_path / "cpu.md").read_text(encoding="utf-8")
    assert page in printed

    found = part(tmp_path, "step")
    (cell,) = found["cells"]
    contenders = cell["contenders"]
    assert set(contenders) == {each.key for each in step.contenders(1, bf16="bfloat16" in kinds_here())} - set(PRODUCTS)
    assert {entry["steps_each_process"] for entry in contenders.values()} == {cell["rounds"] * cell["steps_a_round"]}
    assert {entry["processes"] for key, entry in contenders.items() if "trainer" not in key} == {available_cores()}
    assert contenders["ours"]["threads"] == contenders["lean"]["threads"] == 1
    assert contenders["trainer-padded"]["threads"] == contenders["trainer-dynamic"]["threads"] == available_cores()
    for key in step.RIVALS:
        rival, ours = contenders[key], contenders["ours"]
        assert len(rival["milliseconds"]) == cell["rounds"]
        assert cell["ratios"][key]["of_medians"] == pytest.approx(
            ours["seed_steps_a_second"] / rival["seed_steps_a_second"]
        )
        assert found["geometric_means"][key]["of_medians"] == pytest.approx(cell["ratios"][key]["of_medians"])
        assert f"{step.TARGETS[key]['geometric_mean']:g}×" in page
    for key in ("trainer-padded", "trainer-dynamic"):
        assert found["arguments"][key]["TrainingArguments"]["per_device_train_batch_size"] == 16
    assert all(entry["peak_resident_bytes"] > 2**27 * entry["processes"] for entry in contenders.values())
    assert 0 < cell["products"]["share_of_operations"] < 1
    assert "drawn" in cell["texts"]


@long
def test_a_cell_has_as_many_records_and_steps_as_its_rivals_train(tmp_path: Path) -> None:
    bench(tmp_path, "--only", "cell")
    found = part(tmp_path, "cell")
    assert found["seeds"] == 2
    rivals = found["trainer"].values()
    assert {rival["steps_a_run"] for rival in rivals} == {found["ours"]["steps_a_run"]}
    assert {rival["evaluations"] for rival in rivals} == {3}
    for rival in rivals:
        assert rival["times_ours"] == pytest.approx(rival["scaled_seconds"] / found["ours"]["seconds"])
    assert "### A whole cell" in (tmp_path / "cpu.md").read_text(encoding="utf-8")


@long
def test_scaling_has_a_row_for_every_point_and_stays_when_another_part_is_measured(tmp_path: Path) -> None:
    bench(tmp_path, "--only", "scaling")
    found = part(tmp_path, "scaling")
    assert [point["seeds"] for point in found["seeds"]["points"]] == [1, 2]
    assert [point["examples"] for point in found["examples"]["points"]] == [250, 500]
    assert [point["length"] for point in found["lengths"]["points"]] == [16, 32]

    project = finished_project(tmp_path / "project")
    bench(tmp_path, "--only", "pipeline", "--project", str(project), "--workers", "2", "--wall-seconds", "10")
    split = part(tmp_path, "pipeline")["split"]
    assert [entry["seconds"] for entry in split] == [3.0, 1.0, 6.0]
    assert part(tmp_path, "scaling") == found
    page = (tmp_path / "cpu.md").read_text(encoding="utf-8")
    assert page.count("| 500 | ") == 1
    assert page.index("### How the cost grows") < page.index("### A whole pipeline")


@long
def test_the_parts_of_a_pipeline_make_up_its_whole_time(tmp_path: Path) -> None:
    bench(tmp_path, "--only", "pipeline", "--run")
    found = part(tmp_path, "pipeline")
    assert found["runs"] == 4
    assert found["stages"]["train"]["commands"] == 3
    assert set(found["stages"]) == {"validate", "prepare", "plan", "train", "track", "report"}
    seconds = {entry["part"]: entry["seconds"] for entry in found["split"]}
    assert sum(seconds.values()) == pytest.approx(found["wall_seconds"])
    assert all(value > 0 for value in seconds.values()), seconds
    kept = sum(seconds[name] for name in ("training", "prepare", "report"))
    assert found["overhead_seconds"] == pytest.approx(found["wall_seconds"] - kept)
    assert found["overhead_share"] < found["overhead_share_at_most"]


def finished_project(folder: Path) -> Path:
    for seed in (1, 2):
        run = folder / "runs" / "m" / "t" / "s" / f"seed-{seed:04}"
        run.mkdir(parents=True)
        write_json(run / "record.json", {"total_steps": 10})
        seconds = {"training": 3.0, "evaluation": 1.0, "total": 4.0}
        write_json(run / "provenance.json", {"stacked_seeds": 1, "seconds": seconds})
    return folder


def test_a_run_replaces_what_the_page_has_of_its_kind_of_cpu_and_leaves_the_others(tmp_path: Path) -> None:
    project = finished_project(tmp_path / "project")
    command = ["--only", "pipeline", "--project", str(project), "--workers", "2", "--wall-seconds"]
    here(tmp_path, *command, "10")
    report = read_json(tmp_path / "cpu.json")
    report["machines"]["another CPU, avx512f"] = dict(report["machines"][cpu()])
    write_json(tmp_path / "cpu.json", report)

    here(tmp_path, *command, "20")
    found = read_json(tmp_path / "cpu.json")["machines"]
    assert [found[kind]["pipeline"]["wall_seconds"] for kind in (cpu(), "another CPU, avx512f")] == [20, 10]
    page = (tmp_path / "cpu.md").read_text(encoding="utf-8")
    assert page.index(f"## {cpu()}") < page.index("## another CPU, avx512f")

    write_json(tmp_path / "cpu.json", {"schema_version": 1, "parts": {}})
    assert "expected 2: take another --out" in here(tmp_path, *command, "20", status=2)


def test_a_mistake_is_one_message_before_anything_is_written(tmp_path: Path) -> None:
    for words, message in (
        (["--only", "step", "--cells", "bert-tiny/cloa"], "did you mean 'bert-tiny/cola'?"),
        (["--only", "step", "--cells", "bert-tiny/rte", "--rounds", "500"], "take fewer rounds"),
        (["--only", "pipeline", "--project", str(tmp_path)], "there are no records in runs/"),
    ):
        printed = here(tmp_path / "out", *words, status=2)
        assert message in printed
        assert printed.count("Error: ") == 1
    assert not (tmp_path / "out").exists()
