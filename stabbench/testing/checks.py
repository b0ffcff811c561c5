"""What must hold of every strategy, a function a check; and which hook of one breaks it."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import traceback
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from stabbench.models.weights import save_classifier
from stabbench.strategies.contract import Strategy, is_recipe_only, overrides
from stabbench.strategies.hooks import METHODS
from stabbench.strategies.unkeyed import UnkeyedDrawError
from stabbench.testing import tiny
from stabbench.testing.families import loaded, logits_of
from stabbench.testing.suite import Check, ContractError, Suite, expect
from stabbench.testing.trial import ARCHITECTURES, Members, Trial, distance, expect_equal, killed_and_resumed, model
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import Training
from stabbench.training.outcome import RunResult
from stabbench.training.state import TrainingState

TOLERANCE = 1e-10
"""Rounding in fp64, between different orders of the same sums."""
LEAST_SHARE = 1e-7
"""Of the way that training goes: what hooks have to change, three orders of magnitude above rounding in fp64."""


def picklable(trial: Trial) -> None:
    """Worker processes are handed the strategy and its options."""
    for cls, options in trial.members:
        try:
            strategy, again = pickle.loads(pickle.dumps((cls(), options)))
        except Exception as error:
            raise ContractError(f"{cls.__name__} with its options: {type(error).__name__}: {error}") from error
        same = type(strategy) is cls and again == options
        expect(same, f"{cls.__name__} comes back as {strategy!r} with {again!r}, expected {options!r}")


def draws_are_keyed(trial: Trial) -> None:
    """No hook draws from the global generators of torch, NumPy or Python."""
    if not _supported(trial):
        return
    try:
        trial.train(1, 2, precision="fp32")
    except UnkeyedDrawError as error:
        raise ContractError(str(error)) from error
    except Exception:  # whatever else goes wrong is for the other checks to tell
        return


def finite_loss(trial: Trial) -> None:
    """One run in fp64 and two side by side in fp32 keep finite numbers; the loss is one value a run."""

    def one_value_a_run(state: TrainingState) -> None:
        if state.losses and tuple(state.losses[-1].shape) != (2,):
            found = tuple(state.losses[-1].shape)
            raise ContractError(f"the loss of 2 runs has shape {found}, expected (2,)")

    if not _supported(trial):
        raise ContractError(f"none of {', '.join(ARCHITECTURES)} is supported: {trial.unsupported(trial.kind)}")
    for result in (*trial.train(1, 2, precision="fp32", stop=one_value_a_run), trial.alone):
        _finite(result, trial.kind)


def _finite(result: RunResult, kind: str) -> None:
    step = result.data["diverged_at"]
    if step is not None:
        row = result.tables["history.parquet"].iloc[step - 1]
        numbers = f"loss {row['train_loss']:.3g}, gradient norm {row['gradient_norm']:.3g}, dev loss {row['dev_loss']}"
        raise ContractError(f"{kind}: not finite after {step} updates: {numbers}")


def same_seed_same_result(trial: Trial) -> None:
    """Trained again, a run comes out the same to the last bit."""
    expect_equal(trial.alone, trial.train(2)[0], "trained again")


def independent_of_companions(trial: Trial) -> None:
    """A run between two others equals the run alone to rounding in fp64."""
    expect_equal(trial.alone, trial.train(1, 2, 3)[1], "alone and between two other runs", TOLERANCE)


def evaluation_untouched(trial: Trial) -> None:
    """Scoring changes nothing, draws nothing, and does not see what acts in training only."""
    often = trial.train(2, evaluations_per_epoch=4.0)[0]
    expect_equal(trial.alone, often, "evaluated every 4 updates and after each")
    training, other = _training(trial.inputs()), _training(trial.inputs(), strategy=99)
    state = training.start()
    other.start()
    for _ in range(5):
        training.update(state)
    kept = _copies(state.weights), _copies(state.strategy)
    first = _copies(training.scored(state))
    _expect_same(first, training.scored(state), "`scored_weights` called twice")
    _expect_same(kept[0], state.weights, "the weights before and after scoring")
    _expect_same(kept[1], state.strategy, "the state before and after scoring")
    rate = training.parts.schedule.learning_rate(state.step)
    training.strategies.at(state.step, rate).training_weights(state.weights)
    _expect_same(kept[0], state.weights, "the weights before and after `training_weights`")
    _expect_same(first, other.scored(state), "`scored_weights` of the same weights with another seed's draws")


def loads_in_hugging_face(trial: Trial) -> None:
    """AutoModelForSequenceClassification takes the final weights and gives the recorded logits."""
    for kind in _supported(trial):
        inputs, result = trial.inputs(kind), trial.trained_on(kind)
        with TemporaryDirectory() as folder:
            source, saved = Path(folder) / "source", Path(folder) / "run"
            model(kind).config.save_pretrained(source)
            save_classifier(saved, result.weights, source, ("0", "1"), inputs.recipe.dropout)
            logits = _hugging_face_logits(saved, inputs, kind)
        recorded = np.stack(result.tables["predictions.parquet"]["logits"].to_list())
        apart = np.abs(logits - recorded).max()
        expect(not apart > TOLERANCE, f"{kind}: logits differ by up to {apart:.1e}")


def _hugging_face_logits(folder: Path, inputs: TrainingInputs, kind: str) -> np.ndarray:
    model, report = loaded(folder)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        expect(not report[what], f"{kind}: {what.replace('_', ' ')} {', '.join(sorted(map(str, report[what])))}")
    dev = inputs.dev
    if inputs.recipe.legacy_segments:
        dev = dataclasses.replace(dev, segments=np.zeros_like(dev.segments))
    logits: np.ndarray = logits_of(model, dev).numpy()
    return logits


def works_or_says_why(trial: Trial) -> None:
    """BERT, RoBERTa and ALBERT train, or `unsupported` gives a sentence."""
    for kind in ARCHITECTURES:
        reason = trial.unsupported(kind)
        sentence = reason is None or (isinstance(reason, str) and reason.strip())
        expect(sentence, f"{kind}: `unsupported` gives {reason!r}, expected None or a sentence")
    for kind in _supported(trial):
        try:
            _finite(trial.trained_on(kind), kind)
        except ContractError:
            raise
        except Exception as error:
            error.add_note(f"with {kind}, of which `unsupported` says nothing")
            raise


def resumes_bit_for_bit(trial: Trial) -> None:
    """Killed twice and gone on with by a fresh object each time, a run equals the uninterrupted one."""
    resumed = killed_and_resumed(partial(trial.train, 2))
    expect_equal(trial.alone, resumed, "uninterrupted and resumed by a fresh object")


def its_part_acts(trial: Trial) -> None:
    """Hooks change what the recipe does alone, and in fp32 at the recipe's own rate not by so little that none is left.

    What they change is measured on the way from the initial weights to the final ones.
    """
    if all(is_recipe_only(cls) for cls, _ in trial.members):
        return
    acting, plain, start = trial.with_and_without()
    share = distance(acting.weights, plain.weights) / distance(plain.weights, start)
    expect(
        not share < LEAST_SHARE,
        f"its hooks change the final weights by {share:.1e} of the way that 8 updates go by its recipe alone, "
        f"expected {LEAST_SHARE:.0e} or more",
    )
    acting, plain, _ = trial.with_and_without(precision="fp32", learning_rate=None)
    left = any(not torch.equal(tensor, plain.weights[name]) for name, tensor in acting.weights.items())
    expect(left, "in fp32, at its recipe's rate, its hooks change no bit of the final weights: rounded away")


def _supported(trial: Trial) -> list[str]:
    return [kind for kind in ARCHITECTURES if trial.unsupported(kind) is None]


def _training(inputs: TrainingInputs, **streams: int) -> Training:
    return Training(inputs, [{**tiny.seeds(2)[0], **streams}], torch.device("cpu"))


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _expect_same(first: Mapping[str, Tensor], second: Mapping[str, Tensor], what: str) -> None:
    for name in first.keys() | second.keys():
        same = name in first and name in second and torch.equal(first[name], second[name])
        expect(same, f"{what}: {name} differs")


PICKLABLE = Check("it can be pickled", picklable, in_parts=False)
KEYED = Check("its draws are keyed by the run's seed", draws_are_keyed)
FINITE = Check("the loss is finite", finite_loss, (KEYED,))
SAME_SEED = Check("the same seed gives the same result", same_seed_same_result, (FINITE,))
COMPANIONS = Check("a run depends on no run beside it", independent_of_companions, (SAME_SEED,))
EVALUATION = Check("evaluation is untouched by what acts in training", evaluation_untouched, (SAME_SEED,))
ARCHITECTURE = Check("BERT, RoBERTa and ALBERT train, or it says why not", works_or_says_why, (FINITE,))
HUGGING_FACE = Check("the final weights load in Hugging Face", loads_in_hugging_face, (ARCHITECTURE,))
RESUME = Check("killed and resumed equals uninterrupted", resumes_bit_for_bit, (SAME_SEED,))
ACTS = Check("its part acts", its_part_acts, (COMPANIONS, EVALUATION, HUGGING_FACE, RESUME))
CHECKS = (PICKLABLE, KEYED, FINITE, SAME_SEED, COMPANIONS, EVALUATION, ARCHITECTURE, HUGGING_FACE, RESUME, ACTS)


class Conformance(Suite[Trial]):
    """The checks of one strategy, or of several composed; `label` names plugin and distribution in messages."""

    def __init__(self, label: str, members: Members) -> None:
        super().__init__(label, Trial(members))

    def where(self, check: Check[Trial], error: Exception) -> str:
        """The hooks that break it."""
        hooks = ", ".join(f"`{hook}`" for hook in self._culprits(check, error))
        return f", {'hooks' if ', ' in hooks else 'hook'} {hooks}" if hooks else ""

    def _culprits(self, check: Check[Trial], error: Exception) -> list[str]:
        """The hook that raised, else those without any one of which the check holds, else all of the strategy's own."""
        if not check.in_parts:
            return []
        members = self.subject.members
        own = list(dict.fromkeys(hook for cls, _ in members for hook in METHODS if overrides(cls, hook)))
        raised = [name for name in _hooks_of(error, members) if name in own]
        if raised:
            return raised[-1:]
        return [hook for hook in own if _holds_without(check, members, hook)] or own


def _hooks_of(error: Exception, members: Members) -> Iterator[str]:
    """Names of the strategies' hooks that were running when the error was raised."""
    codes = {
        inspect.unwrap(method).__code__: hook
        for cls, _ in members
        for hook in METHODS
        if overrides(cls, hook) and inspect.isfunction(method := getattr(cls, hook))
    }
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code in codes:
            yield codes[frame.f_code]


def _holds_without(check: Check[Trial], members: Members, hook: str) -> bool:
    default = {hook: getattr(Strategy, hook)}
    without = [(type(cls.__name__, (cls,), default), options) for cls, options in members]
    try:
        check.function(Trial(without))
    except Exception:
        return False
    return True
