"""Steps, warm-up, rates and evaluation points are the authors'."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import get_scheduler

from stabbench.recipe import DECAY_SHAPES, Recipe, spec_of
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


WARMUP, TOTAL = 29, 100
SCHEDULES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "linear": ({}, "linear", {}),
    "cosine": ({}, "cosine", {}),
    "constant": ({}, "constant_with_warmup", {}),
    "polynomial": ({"schedule_power": 3.0}, "polynomial", {"power": 3.0, "lr_end": 0.0}),
    **{
        f"wsd-{shape}": (
            {"schedule_decay_share": 0.37, "schedule_decay_shape": shape},
            "warmup_stable_decay",
            {"num_decay_steps": 37, "decay_type": shape},
        )
        for shape in DECAY_SHAPES
    },
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup_ratio", [0.0, WARMUP / TOTAL])
def test_every_schedule_has_the_rates_of_transformers(name: str, warmup_ratio: float) -> None:
    fields, theirs, arguments = SCHEDULES[name]
    recipe = Recipe(
        learning_rate=0.5, total_steps=TOTAL, warmup_ratio=warmup_ratio, schedule=name.partition("-")[0], **fields
    )
    schedule = Schedule.of(recipe, 1000)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    reference = get_scheduler(
        theirs,
        optimizer,
        num_warmup_steps=round(warmup_ratio * TOTAL),
        num_training_steps=TOTAL,
        scheduler_specific_kwargs=arguments,
    )
    for update in range(TOTAL):
        assert schedule.learning_rate(update) == pytest.approx(reference.get_last_lr()[0], rel=0, abs=1e-12)
        optimizer.step()
        reference.step()


def test_a_schedule_that_is_not_named_is_the_linear_one_to_the_last_bit() -> None:
    schedule = Schedule.of(Recipe(total_steps=70), 1000)
    rates = [schedule.learning_rate(update) for update in range(70)]
    assert rates == [2e-5 * u / 7 if u < 7 else 2e-5 * (70 - u) / 63 for u in range(70)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schedule": "cosin"}, "schedule: found 'cosin', expected linear or cosine or"),
        ({"schedule": "polynomial", "schedule_power": 0.0}, "schedule_power: found 0.0, expected a positive number"),
        ({"schedule": "wsd", "schedule_decay_share": 1.5}, "schedule_decay_share: found 1.5, expected a number above"),
        ({"schedule": "wsd", "schedule_decay_shape": "sqrt"}, "schedule_decay_shape: found 'sqrt', expected linear or"),
        ({"schedule": "wsd", "schedule_decay_share": 0.95}, "found 0.95 beside warmup_ratio 0.1, expected 1 at most"),
    ],
)
def test_a_schedule_out_of_its_range_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**fields)
    Recipe(schedule="wsd", schedule_decay_share=0.9, warmup_ratio=0.1)


def test_fields_that_say_what_was_always_done_or_nothing_at_all_are_in_no_spec() -> None:
    plain = spec_of(Recipe(), 100)["recipe"]
    assert not {name for name in plain if name.startswith(("schedule", "optimizer"))}
    assert spec_of(Recipe(schedule_power=3.0), 100) == spec_of(Recipe(), 100), "linear decay has no power"
    said = spec_of(Recipe(schedule="wsd"), 100)["recipe"]
    assert {name: said[name] for name in said if name not in plain} == {
        "schedule": "wsd", "schedule_decay_share": 0.2, "schedule_decay_shape": "linear",
    }  # fmt: skip
    assert Recipe(**said) == Recipe(schedule="wsd")
