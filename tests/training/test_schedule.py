"""Steps, warm-up, rates and evaluation points are the authors'."""

from __future__ import annotations

import pytest

from stabbench.recipe import Recipe
from stabbench.training.schedule import Schedule


@pytest.mark.parametrize(
    ("examples", "steps_per_epoch", "warmup_3", "warmup_20"),
    [(2490, 156, 46, 312), (3668, 230, 69, 460), (8551, 535, 160, 1070)],
    ids=["RTE", "MRPC", "CoLA"],
)
def test_steps_and_warm_up_of_the_papers_tasks(
    examples: int, steps_per_epoch: int, warmup_3: int, warmup_20: int
) -> None:
    short, long = Schedule.of(Recipe(epochs=3.0), examples), Schedule.of(Recipe(epochs=20.0), examples)
    assert short.steps_per_epoch == long.steps_per_epoch == steps_per_epoch
    assert (short.total_steps, short.warmup_steps) == (3 * steps_per_epoch, warmup_3)
    assert (long.total_steps, long.warmup_steps) == (20 * steps_per_epoch, warmup_20)


def test_the_rate_rises_from_exactly_zero_to_the_peak_and_falls_towards_zero() -> None:
    schedule = Schedule.of(Recipe(learning_rate=2e-5, epochs=3.0), 2490)
    rates = [schedule.learning_rate(update) for update in range(468)]
    assert rates[0] == 0.0
    assert rates[46] == max(rates) == 2e-5
    assert rates[23] == pytest.approx(1e-5)
    assert 0 < rates[-1] < 1e-7


@pytest.mark.parametrize(("ratio", "total", "warmup"), [(0.29, 100, 29), (0.7, 10, 7), (0.58, 50, 29), (0.1, 469, 46)])
def test_the_warm_up_is_the_ratio_as_it_is_written_of_all_updates(ratio: float, total: int, warmup: int) -> None:
    schedule = Schedule.of(Recipe(total_steps=total, warmup_ratio=ratio), 1000)
    assert schedule.warmup_steps == warmup


def test_no_ratio_of_two_decimals_loses_an_update() -> None:
    for hundredths in range(101):
        recipe = Recipe(warmup_ratio=hundredths / 100)
        for total in range(1, 3001):
            assert recipe.warmup_updates(total) == hundredths * total // 100


def test_the_papers_warm_up_is_what_it_was_for_every_length() -> None:
    assert all(Recipe(warmup_ratio=0.1).warmup_updates(total) == int(0.1 * total) for total in range(1, 5001))


def test_without_warm_up_the_first_rate_is_the_peak() -> None:
    assert Schedule.of(Recipe(warmup_ratio=0.0), 100).learning_rate(0) == 2e-5


def test_a_number_of_steps_goes_over_the_epochs() -> None:
    schedule = Schedule.of(Recipe(total_steps=1605), 1000)
    assert (schedule.total_steps, schedule.steps_per_epoch) == (1605, 63)


def test_the_dev_set_is_scored_three_times_an_epoch_at_its_end_and_at_the_very_end() -> None:
    schedule = Schedule.of(Recipe(total_steps=70, evaluations_per_epoch=3), 30 * 16)
    assert [step for step in range(1, 71) if schedule.evaluates_after(step)] == [10, 20, 30, 40, 50, 60, 70]
    odd = Schedule.of(Recipe(total_steps=14, evaluations_per_epoch=3), 8 * 16)
    assert [step for step in range(1, 15) if odd.evaluates_after(step)] == [3, 5, 8, 11, 13, 14]


def test_less_than_one_evaluation_an_epoch_is_one_every_few_epochs_and_one_at_the_end() -> None:
    schedule = Schedule.of(Recipe(epochs=10, evaluations_per_epoch=0.25), 5 * 16)
    assert [step for step in range(1, 51) if schedule.evaluates_after(step)] == [20, 40, 50]


@pytest.mark.parametrize("value", [1.5, 0.0, -1.0])
def test_an_evaluation_frequency_between_whole_numbers_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="evaluations_per_epoch"):
        Recipe(evaluations_per_epoch=value)
