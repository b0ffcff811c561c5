"""Trainer with what a record needs: losses, gradient norms before clipping, rates and tokens of every update.

Imported where something is trained, as transformers is with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PrinterCallback, Trainer, TrainerCallback

from stabbench.huggingface.classifier import record_name
from stabbench.huggingface.texts import Rows
from stabbench.tasks.objectives.contract import Objective
from stabbench.training.norms import clip_factors


@dataclass
class Log:
    """What was measured of each update; `gradient_norms` after `gradient_norm_steps` updates, a number a tensor."""

    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    clipped_norms: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)
    gradient_norm_steps: list[int] = field(default_factory=list)
    gradient_norms: list[np.ndarray] = field(default_factory=list)

    @property
    def finite(self) -> bool:
        """Whether loss and gradient of the last update are."""
        return bool(np.isfinite(self.losses[-1:] + self.norms[-1:]).all())


class RecordingTrainer(Trainer):
    """Trainer by its own loop, optimizer and schedule; the loss is the objective's, the mean over an update's texts.

    A model's own loss is the mean over the texts of one pass, and Trainer would take that for one over the texts of all
    accumulated passes where the model takes any keyword.
    """

    def __init__(self, model: Any, args: Any, rows: Rows, objective: Objective, every: int) -> None:
        self.log_of_updates, self.every = Log(), every
        self.objective: Objective = objective
        self.texts_of_update, self.pending = 0, [0.0, 0, 0]
        """Of the present update: loss, tokens and passes so far."""
        super().__init__(
            model=model, args=args, train_dataset=rows, data_collator=rows.collate, compute_loss_func=self._loss
        )
        self.remove_callback(PrinterCallback)
        self.trained = [(name, each) for name, each in model.named_parameters() if each.requires_grad]

    @property
    def tensors(self) -> list[str]:
        """The names of what is trained, in a record's spelling."""
        return [record_name(name) for name, _ in self.trained]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """Those of the optimizer, which is there once the training has begun."""
        assert self.optimizer is not None
        found: list[dict[str, Any]] = self.optimizer.param_groups
        return found

    def get_batch_samples(self, *arguments: Any, **others: Any) -> Any:
        """The passes of the next update, whose texts are counted."""
        found = super().get_batch_samples(*arguments, **others)
        self.texts_of_update = sum(len(batch["labels"]) for batch in found[0])
        return found

    def training_step(self, model: Any, inputs: Any, *arguments: Any, **others: Any) -> Tensor:
        """One forward and backward pass; after the last of an update its gradient is measured, before it is clipped."""
        mask = inputs.get("attention_mask")
        tokens = inputs["input_ids"].numel() if mask is None else int(mask.sum())
        loss: Tensor = super().training_step(model, inputs, *arguments, **others)
        self.pending = [self.pending[0] + float(loss), self.pending[1] + tokens, self.pending[2] + 1]
        if self.accelerator.sync_gradients:
            self._measure()
        return loss

    def _loss(self, outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        logits = outputs["logits"]
        if self.label_smoother is not None:
            smoothed: Tensor = self.label_smoother({"logits": logits}, labels)
            return smoothed * (len(labels) / self.texts_of_update)
        losses: Tensor = self.objective.losses(logits.unsqueeze(0), labels.unsqueeze(0))
        return losses.sum() / self.texts_of_update

    def _measure(self) -> None:
        log, (loss, tokens, passes) = self.log_of_updates, self.pending
        gradients = [torch.zeros(1) if each.grad is None else each.grad for _, each in self.trained]
        norms = torch.stack([norm.to("cpu", torch.float64) for norm in torch._foreach_norm(gradients)])
        total = norms.square().sum().sqrt()
        update = len(log.losses)
        if update % self.every == 0:
            log.gradient_norm_steps.append(update)
            log.gradient_norms.append(norms.numpy())
        log.losses.append(float(loss))
        log.norms.append(float(total))
        log.clipped_norms.append(float(total * clip_factors(total, self.args.max_grad_norm or None)))
        log.learning_rates.append(float(self.groups[0]["lr"]))
        log.tokens.append(int(tokens))
        log.passes.append(int(passes))
        self.pending = [0.0, 0, 0]

    def parameter_groups(self, epsilon: float) -> list[dict[str, Any]]:
        """As record.json has them; the rate of each is that at its peak."""
        names = {id(each): name for name, each in zip(self.tensors, (each for _, each in self.trained), strict=True)}
        return [
            {
                "learning_rate": float(group.get("initial_lr", group["lr"])),
                "weight_decay": float(group.get("weight_decay", 0.0)),
                "epsilon": float(epsilon if not isinstance(group.get("eps"), float) else group["eps"]),
                "tensors": [names[id(each)] for each in group["params"]],
                "parameters": sum(each.numel() for each in group["params"]),
            }
            for group in self.groups
            if group["params"]
        ]


@dataclass(frozen=True)
class At:
    """Where a training stands."""

    step: int


class Watching(TrainerCallback):
    """Tells of every update, evaluates after those that are to be, and ends what is not finite any more.

    `evaluate` says whether the run ends with that evaluation.
    """

    def __init__(
        self,
        trainer: RecordingTrainer,
        *,
        evaluate: Callable[[int], bool],
        evaluates_after: Callable[[int], bool],
        tells: Sequence[Callable[[int, int], None]],
    ) -> None:
        self.trainer, self.evaluate, self.evaluates_after, self.tells = trainer, evaluate, evaluates_after, tells
        self.seconds = 0.0
        """Spent on evaluations."""

    def on_step_end(self, args: Any, state: Any, control: Any, **unused: Any) -> None:
        """After an update."""
        if not self.trainer.log_of_updates.finite:
            control.should_training_stop = True
        elif self.evaluates_after(state.global_step):
            began = time.perf_counter()
            control.should_training_stop |= self.evaluate(state.global_step)
            self.seconds += time.perf_counter() - began
        for tell in self.tells:
            tell(state.global_step, state.max_steps)
