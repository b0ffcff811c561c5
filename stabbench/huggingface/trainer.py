"""The trainer `huggingface`: transformers' Trainer on a folder and a task's texts, one run after the other."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from stabbench.errors import UserError
from stabbench.huggingface import options as block
from stabbench.huggingface.options import RECIPE, check_names, lacking
from stabbench.recipe import ADAMW
from stabbench.tasks.prepared import PreparedTask
from stabbench.training.contract import Described, Progress, Trainer, part_of
from stabbench.training.evaluation import mean_losses
from stabbench.training.inputs import CellFiles, Seeds
from stabbench.training.measured import Evaluated, Measured
from stabbench.training.precision import lacking as lacking_precision
from stabbench.training.precision import matrix_products
from stabbench.training.schedule import Schedule
from stabbench.training.selection import Choice, choice
from stabbench.typed_json import to_json

if TYPE_CHECKING:
    from stabbench.huggingface.measuring import RecordingTrainer
    from stabbench.huggingface.texts import Rows
    from stabbench.recipe import Recipe


class HuggingFace(Trainer):
    """A run a process, with the recipe as TrainingArguments; any model of AutoModelForSequenceClassification, LoRA."""

    name = "huggingface"
    version = "1"
    takes = "files"
    one_run_a_process = True
    selects_checkpoints = True
    Options = block.Options

    def unsupported(self, recipe: Recipe, device: torch.device) -> str | None:
        """A package that is not installed, a precision that the device does not have, a GPU that is not the first."""
        if device.type == "cuda" and (device.index or 0) != 0:
            return (
                f"found device '{device}', but Trainer takes the first GPU that it sees: set CUDA_VISIBLE_DEVICES to "
                "the one that is meant, and STABBENCH_DEVICE=cuda"
            )
        return lacking(["accelerate"]) or lacking_precision(recipe.precision, device)

    def refused(self, given: CellFiles) -> str | None:
        """What Trainer or the model cannot do, from config and tokenizer alone."""
        from stabbench.huggingface.arguments import refused_recipe
        from stabbench.huggingface.outlines import outline_of, refused_texts

        options = block.Options.of(given.options)
        reason = lacking(_packages(options)) or refused_recipe(given.recipe, options)
        if reason is not None:
            return reason
        folder, task = _of_ours(given)
        content = given.cell.spec.model.content_hash
        try:
            found = outline_of(folder, content, task.outputs, given.recipe, options, task.counts["train"])
            return found.refused or refused_texts(folder, content, task, given.recipe, found)
        except UserError as error:
            return "; ".join(error.messages)

    def described(self, given: CellFiles) -> Described:
        """By the versions of transformers and peft that compute it, and its tensors and tokens."""
        from stabbench.huggingface.outlines import outline_of, tokens_of

        options, (folder, task) = block.Options.of(given.options), _of_ours(given)
        missing = lacking(_packages(options))
        if missing is not None:
            raise UserError(missing)
        content = given.cell.spec.model.content_hash
        outline = outline_of(folder, content, task.outputs, given.recipe, options, task.counts["train"])
        return Described(
            given.cell.spec.model.architecture,
            {"computed_by": ", ".join(f"{name} {_minor(name)}" for name in _computing(options))},
            outline.roles,
            tokens_of(folder, content, task, given.recipe),
        )

    def spec_options(self, options: block.Options, root: Path) -> Mapping[str, Any]:
        """What is no default; UserError for arguments that there are not, or that are not to be set here."""
        check_names(options)
        said: Mapping[str, Any] = to_json(options.said())
        return said

    def train(
        self,
        inputs: CellFiles,
        seeds: Seeds,
        *,
        device: torch.device,
        checkpoint: Path | None = None,
        checkpoint_seconds: float = 600.0,
        progress: Progress | None = None,
        stop: Callable[[Any], None] | None = None,
    ) -> list[Measured]:
        """As the contract says, but that an interrupted run begins anew."""
        measured = []
        for number, streams in enumerate(seeds):
            told = part_of(progress or _untold, number, len(seeds))
            with _quiet(), matrix_products(inputs.recipe.precision), tempfile.TemporaryDirectory() as folder:
                measured.append(_Run(inputs, streams, device).measured(folder, told, stop))
        return measured


def _untold(step: int, total: int) -> None:
    """Where nobody wants to know."""


class _Run:
    """One run: its model, texts and schedule, and its evaluations so far."""

    def __init__(self, given: CellFiles, streams: Mapping[str, int], device: torch.device) -> None:
        from stabbench.huggingface.classifier import classifier, tokenizer_of
        from stabbench.huggingface.texts import rows_of

        self.began = time.perf_counter()
        self.streams, self.device = streams, device
        self.options, self.recipe = block.Options.of(given.options), given.recipe
        folder, self.task = _of_ours(given)
        self.model = classifier(folder, self.task.outputs, self.recipe, self.options.peft, streams["head"])
        tokenizer, plain = tokenizer_of(folder), self.model.get_base_model() if self.options.peft else self.model
        self.train, self.dev = (
            rows_of(self.task, split, tokenizer, plain, self.recipe.max_length) for split in ("train", "dev")
        )
        self.schedule = Schedule.of(self.recipe, len(self.train))
        self.evaluations: list[Evaluated] = []
        self.dev_logits = np.full((len(self.dev), self.task.outputs), np.nan)
        self.choice = Choice()
        self.best: dict[str, torch.Tensor] = {}
        """All weights of the evaluation that is the best so far, where the recipe reports that one."""

    def measured(self, folder: str, told: Callable[[int, int], None], stop: Callable[[Any], None] | None) -> Measured:
        """Train it; what Trainer writes goes into `folder`."""
        from stabbench.huggingface.arguments import of_recipe, training_arguments
        from stabbench.huggingface.measuring import At, RecordingTrainer, Watching

        values = of_recipe(self.recipe, self.options, len(self.train))
        arguments = training_arguments(
            values, self.options, folder, self.device, order=self.streams["order"], dropout=self.streams["dropout"]
        )
        every, objective = self.recipe.gradient_norm_every, self.task.objective
        trainer = RecordingTrainer(self.model, arguments, self.train, objective, every)
        watching = Watching(
            trainer,
            evaluate=lambda step: self._evaluate(trainer, step).ended is not None,
            evaluates_after=self._evaluates_after,
            tells=[told] if stop is None else [told, lambda step, total: stop(At(step))],
        )
        trainer.add_callback(watching)
        prepared = time.perf_counter()
        trainer.train()
        trained, log = time.perf_counter(), trainer.log_of_updates
        finite = log.finite
        if finite:
            if not self.evaluations or self.evaluations[-1].step != len(log.losses):
                self._evaluate(trainer, len(log.losses))
            self._restore(trainer)
        train_loss = self._loss(trainer, self.train) if finite else float("nan")
        ended = time.perf_counter()
        return Measured(
            losses=np.array(log.losses),
            norms=np.array(log.norms),
            clipped_norms=np.array(log.clipped_norms),
            gradient_norm_steps=log.gradient_norm_steps,
            gradient_norms=np.array(log.gradient_norms),
            tensors=trainer.tensors,
            evaluations=self.evaluations,
            dev_logits=self.dev_logits,
            train_loss=train_loss,
            tokens=log.tokens,
            passes=log.passes,
            parameter_groups=trainer.parameter_groups(
                self.recipe.adam_epsilon if self.recipe.optimizer == ADAMW else 0.0
            ),
            weights={},
            reported=self.choice.reported,
            ended=self.choice.ended,
            seconds={
                "loading": prepared - self.began,
                "training": trained - prepared - watching.seconds,
                "evaluation": ended - trained + watching.seconds,
            },
            learning_rates=np.array(log.learning_rates),
            total_steps=self.schedule.total_steps,
            steps_per_epoch=self.schedule.steps_per_epoch,
            warmup_steps=self.schedule.warmup_steps,
            versions={
                name: importlib.metadata.version(name) for name in ("torch", "accelerate", *_computing(self.options))
            },
        )

    def _evaluates_after(self, step: int) -> bool:
        within = self.options.evaluate == RECIPE and step < self.schedule.total_steps
        return within and self.schedule.evaluates_after(step)

    def _evaluate(self, trainer: RecordingTrainer, step: int) -> Choice:
        """Score dev by the task's own metrics; a logit that is not finite leaves no loss and no scores."""
        logits, labels, objective = self._logits(trainer, self.dev), self.dev.labels, self.task.objective
        self.dev_logits = logits.numpy()
        found = Evaluated(step, None, {})
        if torch.isfinite(logits).all():
            scores = {name: objective.score(each, labels, self.dev_logits) for name, each in self.task.scorers.items()}
            found = Evaluated(step, mean_losses(logits[None], labels, objective)[0], scores)
        self.evaluations.append(found)
        return self._chosen()

    def _chosen(self) -> Choice:
        """What the recipe says of the evaluations so far; the weights of the last one are kept if it is the best."""
        headline, step = self.task.metrics[0], self.evaluations[-1].step
        if not self.recipe.selects:
            return self.choice
        self.choice = choice(
            self.recipe,
            [(done.step, done.scores.get(headline)) for done in self.evaluations],
            lower=self.task.scorers[headline].kind.lower,
        )
        if self.choice.reported == step and self.choice.ended != step:
            self.best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
        return self.choice

    def _restore(self, trainer: RecordingTrainer) -> None:
        """Take back the weights that are reported, where they are not the last ones."""
        if self.choice.reported in (None, self.evaluations[-1].step):
            return
        self.model.load_state_dict(self.best)
        self.dev_logits = self._logits(trainer, self.dev).numpy()

    def _loss(self, trainer: RecordingTrainer, rows: Rows) -> float:
        return mean_losses(self._logits(trainer, rows)[None], rows.labels, self.task.objective)[0]

    def _logits(self, trainer: RecordingTrainer, rows: Rows) -> torch.Tensor:
        ends = getattr(trainer.optimizer, "eval", None)
        if callable(ends):  # of optimizers that keep other weights for it
            ends()
        return rows.logits(trainer.model, self.device)


def _of_ours(given: CellFiles) -> tuple[Path, PreparedTask]:
    """Where the model lies, and the task; UserError where the cell has none of ours."""
    if given.model is None or given.task is None:
        raise UserError("the trainer 'huggingface' needs a model and a task of params.yaml: name the model's source")
    return given.model, given.task


def _computing(options: block.Options) -> list[str]:
    return ["transformers", *(["peft"] if options.peft is not None else [])]


def _packages(options: block.Options) -> list[str]:
    return ["accelerate", *(["peft"] if options.peft is not None else [])]


def _minor(package: str) -> str:
    return ".".join(importlib.metadata.version(package).split(".")[:2])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without bars and reports, and without threads of the tokenizer's, which a forked process has lost."""
    from stabbench.models.families.huggingface.quiet import quiet_transformers

    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        with quiet_transformers():
            yield
    finally:
        os.environ.pop(name) if before is None else os.environ.update({name: before})
