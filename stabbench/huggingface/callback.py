"""`StabilityCallback`: a run of anybody's Trainer script as a record that reports and comparisons read."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stabbench.errors import UserError
from stabbench.huggingface.described import (
    Prediction,
    examples_of,
    model_name,
    prediction_of,
    settings_of,
    versions,
)
from stabbench.huggingface.watching import GradientWatch, LossWatch, loss_scale, sees_gradients, unchanged
from stabbench.metrics import METRICS
from stabbench.provenance import machine
from stabbench.recording.modules import roles_of
from stabbench.recording.recorder import Recorder, record
from stabbench.recording.trainer_files import evaluation_of
from stabbench.tasks import objectives

_SPLIT = "eval"


class StabilityCallback(TrainerCallback):
    """Records the run of a Trainer: `trainer.add_callback(StabilityCallback(trainer, strategy=…, task=…))`.

    Losses and learning rates of every update, the norm of each tensor's gradient before clipping every
    `gradient_norm_every` updates, evaluations as the script asks for them, and at the end predictions of the evaluation
    set. The seed is that of TrainingArguments; `settings` go over those of them that tell a recipe apart. `metric` is
    the headline one, without it `metric_for_best_model`, else the objective's first (accuracy). `model` is called like
    the folder or hub id that it came from. Names may be left out in a command that stabbench runs.

    Neither weights nor random numbers nor what Trainer logs are changed. What is wrong is told before training where it
    can be known, as a UserError; after it as a warning, since the script has a model to save.
    """

    def __init__(
        self,
        trainer: Trainer,
        strategy: str | None = None,
        task: str | None = None,
        *,
        model: str | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        eval_dataset: Any = None,
        gradient_norm_every: int = 10,
        folder: str | os.PathLike[str] = "runs",
        replace: bool = False,
    ) -> None:
        if gradient_norm_every < 1:
            raise UserError(f"gradient_norm_every is {gradient_norm_every}, expected a whole number of 1 or more")
        self._trainer, self._every = trainer, gradient_norm_every
        self._names = {"strategy": strategy, "task": task, "model": model}
        self._metric, self._settings, self._dataset = metric, dict(settings or {}), eval_dataset
        self._folder, self._replace = folder, replace
        self._run: Recorder | None = None
        self._gradients: GradientWatch | None = None
        self._losses: LossWatch | None = None
        self._pending: list[tuple[int, torch.Tensor | None, float | None]] = []
        self._rate: float | None = None
        self._total: dict[int, float] = {}
        self._began = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the record."""
        self._close()
        if self._evaluated is None or isinstance(self._evaluated, Mapping):
            found = "none" if self._evaluated is None else f"several ({', '.join(self._evaluated)})"
            raise UserError(f"found {found} as eval_dataset, expected one: StabilityCallback(trainer, eval_dataset=…)")
        self._began = time.monotonic()
        if not state.is_world_process_zero:
            return
        model = self._trainer.model
        run = record(
            self._names["strategy"],
            self._names["task"],
            args.seed,
            self._names["model"] or (model_name(self._trainer) if "STABBENCH_OUT" not in os.environ else None),
            metric=self._headline(args),
            settings={**settings_of(self._trainer), **self._settings},
            folder=self._folder,
            replace=self._replace,
            architecture=getattr(getattr(model, "config", None), "model_type", None),
        )
        self._run = run.__enter__()
        for entry in state.log_history if state.global_step else ():  # what was logged before the training was resumed
            self._logged(int(entry.get("step", 0)), entry)
        if args.world_size <= 1:
            self._losses = LossWatch(self._trainer)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Watch the gradients of every tenth update."""
        wanted = self._run is not None and state.global_step % self._every == 0
        if wanted and self._gradients is None and sees_gradients(self._trainer) and self._trainer.model is not None:
            self._gradients = GradientWatch(self._trainer.model)

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keep the norms, and the learning rate that the update is made with."""
        if self._run is None:
            return
        optimizer = self._trainer.optimizer
        self._rate = None if optimizer is None else float(optimizer.param_groups[0]["lr"])
        if self._gradients is not None:
            self._gradients.close()
            norms = self._gradients.norms(loss_scale(self._trainer))
            self._gradients = None
            if norms is not None:
                self._run.gradient_norms(norms, step=state.global_step)
                self._total[state.global_step + 1] = math.hypot(*norms.values())

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the loss of the update; it is read from its device now and then."""
        if self._losses is not None:
            self._pending.append((state.global_step, self._losses.taken(), self._rate))
            if state.global_step % self._every == 0:
                self._flush()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep the norm of the whole gradient; of several processes the loss, too, which is their mean."""
        if self._run is not None and logs and ("loss" in logs or "grad_norm" in logs):
            self._flush()
            entry = dict(logs) if self._losses is None else {"grad_norm": logs.get("grad_norm")}
            self._logged(state.global_step, entry)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep what an evaluation found."""
        if self._run is not None and state.global_step and not isinstance(self._evaluated, Mapping):
            self._flush()
            self._logged(state.global_step, metrics or {})

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Predict the evaluation set and finish the record."""
        took = time.monotonic() - self._began
        try:
            with unchanged(self._trainer):
                began = time.monotonic()
                output = self._trainer.predict(self._evaluated, metric_key_prefix=_SPLIT)
            if self._run is not None:
                self._finish(output, state, args, {"training": took, "evaluation": time.monotonic() - began})
        except Exception as error:  # also of a compute_metrics or a collator: the script has a model to save
            told = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            warnings.warn(f"the run was not recorded: {told}", UserWarning, stacklevel=2)
        finally:
            self._close()

    def _finish(self, output: Any, state: TrainerState, args: TrainingArguments, seconds: Mapping[str, float]) -> None:
        run, model = self._run, self._trainer.model
        assert run is not None
        self._flush()
        predicted = prediction_of(output, getattr(model, "config", None))
        found = evaluation_of(output.metrics or {}, "compute_metrics")
        loss = found.pop("loss", None)
        metric = self._headline(args) or _usual(predicted, found)
        scores = {
            name: score
            for name, score in found.items()
            if score is not None and (predicted.labels is None or name == metric or not METRICS.has(name))
        }
        examples = None if predicted.labels is None else examples_of(self._trainer, self._evaluated)
        run.describe(metric=metric, objective=predicted.objective, label_names=predicted.label_names)
        run.finish(
            predicted.labels,
            predicted.predictions,
            logits=predicted.logits,
            examples=examples,
            scores=scores,
            dev_loss=loss,
            total_steps=state.global_step,
            steps_per_epoch=round(state.global_step / state.epoch) if state.epoch else None,
            warmup_steps=args.get_warmup_steps(state.max_steps),
            seconds=seconds,
            versions=versions(),
            device=machine(str(args.device))["device"],
            tensors=None if model is None else roles_of(model),
        )
        run.keep()

    @property
    def _evaluated(self) -> Any:
        return self._trainer.eval_dataset if self._dataset is None else self._dataset

    def _headline(self, args: TrainingArguments) -> str | None:
        chosen = (args.metric_for_best_model or "").removeprefix(f"{_SPLIT}_")
        return self._metric or (chosen if chosen != "loss" else "") or None

    def _logged(self, step: int, entry: Mapping[str, Any]) -> None:
        """Add what a log or an evaluation says of a step to the history."""
        assert self._run is not None
        if step < 1:
            return
        values = {name: entry[name] for name in ("loss", "learning_rate", "grad_norm") if entry.get(name) is not None}
        scores = evaluation_of(entry, "compute_metrics")
        values |= {f"dev_{name}": score for name, score in scores.items() if score is not None}
        if values:
            self._run.log(step, **values)

    def _flush(self) -> None:
        """Read the losses of the last updates from their device, all at once."""
        pending, self._pending = self._pending, []
        if not pending or self._run is None:
            return
        known = [loss.double() for _, loss, _ in pending if loss is not None]
        values = iter(torch.stack(known).tolist() if known else [])
        for step, loss, rate in pending:
            value = None if loss is None else next(values)
            self._run.log(step, loss=value, learning_rate=rate, gradient_norm=self._total.pop(step, None))

    def _close(self) -> None:
        """Take everything off the Trainer and the model."""
        for watch in (self._gradients, self._losses):
            if watch is not None:
                watch.close()
        self._gradients = self._losses = None
        self._pending = []
        if self._run is not None:
            self._run.close()
            self._run = None


def _usual(predicted: Prediction, scores: Mapping[str, float | None]) -> str | None:
    """The objective's first metric; where nothing is known of labels, the first score that there is."""
    if predicted.objective is not None:
        return objectives.find(predicted.objective).metrics[0]
    return next(iter(scores), None)
