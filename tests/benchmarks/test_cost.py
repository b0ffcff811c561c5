"""The cost of a large grid is computed, and from a measured update once there is one."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import cost
from benchmarks.cost import ESTIMATED, PAGE, Passes, Task, UpdateTime, hours, run_updates, update_time

PLAIN = {"plain": Passes(3, 1)}
TASK = Task("small", 160, 16)
TIME = UpdateTime({"rte": (10.0, 20.0)}, 8, "")


def speed(task: str, milliseconds: float, **changes: Any) -> dict[str, Any]:
    part = {"model": "bert-large", "task": task, "precision": "bf16", "strategy": "plain", "runs": None}
    return {**part, "stacked_seeds": 13, "ms_a_seed_step": milliseconds, **changes}


def test_the_committed_page_is_what_the_committed_numbers_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == cost.current()


def test_a_run_costs_its_passes_and_its_evaluations() -> None:
    assert run_updates(TASK, PLAIN["plain"]) == 3 * 10 + 3 * 3 * 1 / 3
    assert run_updates(TASK, Passes(3, 2)) == 3 * 10 * 2 + 3


def test_one_gpu_takes_the_sum_and_many_the_longest_group_of_seeds() -> None:
    whole = 25 * 33 * 0.010 / 3600
    assert hours(TIME, PLAIN, [TASK], 1, 0) == pytest.approx(whole)
    assert hours(TIME, PLAIN, [TASK], 1, 1) == pytest.approx(2 * whole)
    assert hours(TIME, PLAIN, [TASK], 64, 0) == pytest.approx(whole * 7 / 25)
    assert hours(TIME, PLAIN, [TASK] * 100, 8, 0) == pytest.approx(whole * 100 / 8, rel=0.02)


def test_measured_updates_take_the_place_of_the_estimate() -> None:
    parts = {"a": speed("rte", 9.0), "b": speed("rte", 6.5), "c": speed("cola", 3.0), "d": speed("rte", 1.0, runs=2)}
    parts |= {"e": speed("rte", 1.0, strategy="mixout"), "f": speed("rte", 1.0, model="minilm")}
    found = update_time({"machine": {"device": "a GPU"}, "parts": parts})
    assert found.milliseconds == {"rte": (6.5, 6.5), "cola": (3.0, 3.0)}
    assert found.stacked_seeds == 13
    assert "measured on a GPU" in found.origin


@pytest.mark.parametrize("report", [{}, {"not_measured": "no GPU"}, {"machine": {}, "parts": {"a": speed("rte", 9.0)}}])
def test_without_a_measurement_of_both_tasks_the_page_says_that_it_is_an_estimate(report: dict[str, Any]) -> None:
    assert update_time(report) is ESTIMATED
    assert "estimated, not measured" in cost.page(ESTIMATED, PLAIN)
