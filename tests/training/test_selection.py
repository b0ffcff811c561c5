"""Which evaluation a run reports and when it ends early: as declared, the same stacked, alone, resumed and averaged."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import EarlyStoppingCallback, TrainerControl, TrainerState

from stabbench.recipe import Recipe, spec_of
from stabbench.records import RecordContent
from stabbench.strategies.bema import BiasCorrectedAverage, BiasCorrectedAverageOptions
from stabbench.strategies.contract import NoOptions, Strategy
from stabbench.strategies.ema import ExponentialMovingAverage, ExponentialMovingAverageOptions
from stabbench.strategies.mixout import Mixout
from stabbench.strategies.swa import StochasticWeightAveraging, StochasticWeightAveragingOptions
from stabbench.training.loop import train
from stabbench.training.outcome import RunResult
from stabbench.training.selection import Choice, choice
from stabbench.training.state import TrainingState
from tests import tiny
from tests.training.test_outcome import NotANumberAfterFiveUpdates

BEST: dict[str, Any] = {"checkpoint_selection": "best"}
RECIPE: dict[str, Any] = {"evaluations_per_epoch": 3.0, "learning_rate": 3e-3}
"""Nine evaluations, after every second of 18 updates; the best scores are reached before the end."""
AVERAGES = [
    (),
    ((StochasticWeightAveraging(), StochasticWeightAveragingOptions()),),
    ((ExponentialMovingAverage(), ExponentialMovingAverageOptions()),),
    ((BiasCorrectedAverage(), BiasCorrectedAverageOptions(update_after=3)),),
]


def named(strategies: Any) -> str:
    return type(strategies[0][0]).__name__ if strategies else "plain"


def evaluations(result: RunResult) -> dict[int, float]:
    history = result.tables["history.parquet"].dropna(subset="dev_mcc")
    return dict(zip(history["step"].tolist(), history["dev_mcc"].tolist(), strict=True))


@pytest.mark.parametrize(
    ("fields", "scores", "lower", "expected"),
    [
        ({}, [0.1, 0.3, 0.2], False, Choice()),
        (BEST, [0.1, 0.3, 0.3, 0.2], False, Choice(2)),
        (BEST, [0.1, 0.3, 0.05, 0.05], True, Choice(3)),
        (BEST, [None, 0.3, None], False, Choice(2)),
        (BEST, [None, None], False, Choice()),
        ({"early_stopping_patience": 2}, [0.1, 0.3, 0.3, 0.2, 0.9], False, Choice(4, 4)),
        ({**BEST, "early_stopping_patience": 2}, [0.1, 0.3, 0.3, 0.2, 0.9], False, Choice(2, 4)),
        ({"early_stopping_patience": 1}, [0.3, 0.2, 0.1], True, Choice()),
    ],
)
def test_the_best_is_the_earliest_and_patience_counts_evaluations_without_a_better_one(
    fields: dict[str, Any], scores: list[float | None], lower: bool, expected: Choice
) -> None:
    assert choice(Recipe(**fields), enumerate(scores, start=1), lower=lower) == expected


@pytest.mark.parametrize("lower", [False, True])
def test_a_run_ends_where_transformers_callback_ends_it(lower: bool) -> None:
    random = np.random.default_rng(3)
    ended = []
    for patience in (1, 2, 3):
        for _ in range(40):
            scores = random.integers(0, 4, size=12) / 4
            callback, state, control = EarlyStoppingCallback(patience), TrainerState(), TrainerControl()
            arguments: Any = SimpleNamespace(metric_for_best_model="score", greater_is_better=not lower)
            expected = None
            for step, score in enumerate(scores, start=1):
                callback.on_evaluate(arguments, state, control, {"eval_score": score})
                if state.best_metric is None or (score < state.best_metric if lower else score > state.best_metric):
                    state.best_metric = score
                if control.should_training_stop:
                    expected = step
                    break
            found = choice(Recipe(early_stopping_patience=patience), enumerate(scores, start=1), lower=lower)
            assert found.ended == expected
            ended.append(expected)
    assert len(set(ended)) > 5


@pytest.mark.parametrize("strategies", AVERAGES, ids=named)
def test_score_and_weights_are_those_of_the_best_evaluation(strategies: Any) -> None:
    (last,) = train(tiny.inputs(strategies=strategies, **RECIPE), tiny.seeds(3))
    (best,) = train(tiny.inputs(strategies=strategies, **RECIPE, **BEST), tiny.seeds(3))
    scores = evaluations(last)
    step = min(step for step, score in scores.items() if score == max(scores.values()))
    assert evaluations(best) == scores, "the selection changes nothing of the training"
    assert step < last.data["final"]["step"] == 18, "there is something to select"
    assert best.data["final"]["step"] == best.data["best"]["step"] == step
    assert best.data["final"]["scores"]["mcc"] == scores[step]
    assert best.data["last"] == last.data["final"]
    assert "last" not in last.data
    assert best.data["cost"] == last.data["cost"], "all updates have been paid for"
    assert not any(torch.equal(best.weights[name], last.weights[name]) for name in best.weights if "layer.0" in name)
    content = RecordContent.from_json({"fingerprint": "f", "spec": {}, "files": {}, **best.data})
    assert content.to_json()["last"] == best.data["last"]


class NeedsAllWords(Strategy):
    needs_whole_vocabulary = True


@pytest.mark.parametrize("strategies", AVERAGES, ids=named)
@pytest.mark.parametrize("fields", [BEST, {"early_stopping_patience": 1}], ids=["best", "ended early"])
def test_words_that_no_text_uses_have_decayed_as_long_as_all_others(strategies: Any, fields: dict[str, Any]) -> None:
    recipe = {**RECIPE, "weight_decay": 0.5, **fields}
    (cut,) = train(tiny.inputs(strategies=strategies, **recipe), tiny.seeds(3))
    (whole,) = train(tiny.inputs(strategies=(*strategies, (NeedsAllWords(), NoOptions())), **recipe), tiny.seeds(3))
    assert cut.data["final"]["step"] == whole.data["final"]["step"] < 18
    for name, weight in whole.weights.items():
        assert torch.allclose(cut.weights[name], weight, rtol=0, atol=1e-11), name


@pytest.mark.parametrize("fields", [BEST, {"early_stopping_patience": 1}, {**BEST, "early_stopping_patience": 2}])
def test_a_run_among_others_that_end_elsewhere_is_the_run_alone(fields: dict[str, Any]) -> None:
    inputs = tiny.inputs(**RECIPE, **fields)
    together = train(inputs, tiny.seeds(1, 2, 3))
    for seed, run in zip((1, 2, 3), together, strict=True):
        (alone,) = train(inputs, tiny.seeds(seed))
        for key in ("status", "cost", "total_steps", "parameter_groups"):
            assert run.data[key] == alone.data[key], key
        assert run.data["final"]["step"] == alone.data["final"]["step"]
        assert len(run.tables["history.parquet"]) == len(alone.tables["history.parquet"]) == run.data["cost"]["steps"]
        assert len(run.tables["gradnorms.parquet"]) == len(alone.tables["gradnorms.parquet"])
        for name, weight in alone.weights.items():
            assert torch.allclose(run.weights[name], weight, rtol=0, atol=1e-9), name
    assert len({run.data["final"]["step"] for run in together}) > 1, "they report or end at different steps"


class KilledError(Exception):
    pass


@pytest.mark.parametrize("strategies", [AVERAGES[1], ((Mixout(), Mixout.Options()),)], ids=named)
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(strategies: Any, tmp_path: Path) -> None:
    inputs = tiny.inputs(strategies=strategies, **RECIPE, **BEST, early_stopping_patience=5)
    seeds = tiny.seeds(1, 3)
    whole = train(inputs, seeds)
    for step in (5, 9, 11):

        def kill(state: TrainingState, step: int = step) -> None:
            if state.step == step:
                raise KilledError

        with pytest.raises(KilledError):
            train(inputs, seeds, checkpoint=tmp_path, checkpoint_seconds=0.0, stop=kill)
    resumed = train(inputs, seeds, checkpoint=tmp_path, checkpoint_seconds=0.0)
    for first, second in zip(whole, resumed, strict=True):
        assert first.data == second.data
        assert first.data["final"]["step"] < 9, "it is reported what had been kept before the last kill"
        assert all(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)


def test_a_run_that_diverged_has_diverged_whatever_it_scored_before() -> None:
    inputs = tiny.inputs(strategies=((NotANumberAfterFiveUpdates(), NoOptions()),), **RECIPE, **BEST)
    diverged, other = train(inputs, tiny.seeds(1, 2))
    assert diverged.data["status"] == "diverged"
    assert diverged.data["final"]["scores"]["mcc"] == 0.0
    assert "last" not in diverged.data
    (alone,) = train(tiny.inputs(**RECIPE, **BEST), tiny.seeds(2))
    assert other.data["final"]["step"] == alone.data["final"]["step"]


def test_a_recipe_that_selects_nothing_says_nothing_of_it() -> None:
    assert not {"checkpoint_selection", "early_stopping_patience"} & spec_of(Recipe(), 100)["recipe"].keys()
    said = spec_of(Recipe(early_stopping_patience=3), 100)["recipe"]
    assert said["early_stopping_patience"] == 3
    assert "checkpoint_selection" not in said
