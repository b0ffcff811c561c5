"""Draws are functions of their key."""

from __future__ import annotations

import numpy as np

from stabbench.randomness import Draws, dropout_threshold


def test_a_draw_does_not_depend_on_what_was_drawn_before() -> None:
    fresh, used = Draws(7, "dropout"), Draws(7, "dropout")
    used.levels("elsewhere", 999, step=3)
    used.permutation("examples", 50)
    used.normal("noise", (3,))
    assert np.array_equal(fresh.levels("layer.0", 101, step=5), used.levels("layer.0", 101, step=5))


def test_more_values_of_a_place_begin_with_the_same_ones() -> None:
    draws = Draws(1, "dropout")
    assert np.array_equal(draws.levels("a", 1000)[:77], draws.levels("a", 77))


def test_seed_stream_place_step_and_call_each_change_the_draw() -> None:
    drawn = [
        Draws(1, "dropout").levels("a", 64, step=2, call=0),
        Draws(2, "dropout").levels("a", 64, step=2, call=0),
        Draws(1, "strategy").levels("a", 64, step=2, call=0),
        Draws(1, "dropout").levels("b", 64, step=2, call=0),
        Draws(1, "dropout").levels("a", 64, step=3, call=0),
        Draws(1, "dropout").levels("a", 64, step=2, call=1),
    ]
    assert len({values.tobytes() for values in drawn}) == len(drawn)


def test_levels_are_uniform_and_neighbouring_steps_are_uncorrelated() -> None:
    first, second = (Draws(1, "dropout").levels("a", 200_000, step=step).astype(float) for step in (1, 2))
    assert abs(first.mean() / 32767.5 - 1) < 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.01


def test_the_scale_of_what_is_kept_makes_dropout_exact_in_expectation() -> None:
    threshold, scale = dropout_threshold(0.1)
    assert abs(threshold / 65536 - 0.1) < 1e-5
    assert (65536 - threshold) / 65536 * scale == 1.0
    assert dropout_threshold(0.0) == (0, 1.0)


def test_a_permutation_is_one_of_all_and_changes_with_the_epoch() -> None:
    draws = Draws(3, "order")
    first, second = draws.permutation("examples", 40, 0), draws.permutation("examples", 40, 1)
    assert sorted(first) == list(range(40))
    assert not np.array_equal(first, second)
