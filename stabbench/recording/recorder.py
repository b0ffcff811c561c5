"""`stabbench.record(...)`: a context manager that records a run of anybody's training loop."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import Timeout

from stabbench.errors import UserError
from stabbench.files import sha256_of_json
from stabbench.recording import cells, format
from stabbench.recording.asked import classes_of, counts_of, names_of, seed_of
from stabbench.recording.cells import Place
from stabbench.recording.modules import gradient_norms, is_module, roles_of
from stabbench.recording.output import RunOutput, read_output
from stabbench.recording.standalone import Names, plain_settings
from stabbench.recording.writing import RunWriter, column, mapping, number, whole
from stabbench.records import Record
from stabbench.records.content import RunError

WORKING = ".recording"
"""Where, beside the records of a store, runs at work keep what they have logged."""


def record(
    strategy: str | None = None,
    task: str | None = None,
    seed: int | None = None,
    model: str | None = None,
    *,
    metric: str | None = None,
    objective: str | None = None,
    label_names: Sequence[str] | None = None,
    train_labels: Any = None,
    settings: Mapping[str, Any] | None = None,
    folder: str | os.PathLike[str] = "runs",
    replace: bool = False,
    architecture: str | None = None,
) -> Recorder:
    """Record one run, with `with stabbench.record(…) as run:` around its training.

    The record goes to `folder/<model>/<task>/<strategy>/`, of which `stabbench report` makes a page. `settings` are
    values of JSON that tell recipes of one name apart (a learning rate, say); runs with others are not shown beside
    them. `metric` is the headline one: without it, the first of the scores that are given, else the objective's.
    `objective` is `classification` or `regression`, where metric and labels do not tell; `train_labels` `(m,)` are
    those of the training set, by which a collapsed run is known. `replace` takes the place of a record of the same
    seed.

    In a command that stabbench runs all names may be left out: the run is then recorded into the folder that it asks
    for.
    """
    return Recorder(
        {"strategy": strategy, "task": task, "model": model},
        seed,
        metric=metric,
        objective=objective,
        label_names=label_names,
        train_labels=train_labels,
        settings=settings,
        folder=Path(folder),
        replace=replace,
        architecture=architecture,
    )


class Recorder:
    """Records one run; made by `stabbench.record`."""

    def __init__(
        self,
        names: Mapping[str, str | None],
        seed: int | None,
        *,
        metric: str | None = None,
        objective: str | None = None,
        label_names: Sequence[str] | None = None,
        train_labels: Any = None,
        settings: Mapping[str, Any] | None = None,
        folder: Path = Path("runs"),
        replace: bool = False,
        architecture: str | None = None,
    ) -> None:
        asked = os.environ.get(format.OUT)
        self.out: Path | None = Path(asked) if asked else None
        """The folder of a command that stabbench runs; None where the run stands alone."""
        self.seed, self.settings, self._replace = seed_of(seed), plain_settings(settings), replace
        self._names = names_of(names)
        self._place = Place.of(folder.absolute().parent, folder.absolute())
        self._description: dict[str, Any] = {
            "metric": metric,
            "objective": objective,
            "label_names": None if label_names is None else classes_of(label_names),
            "train_labels": None if train_labels is None else counts_of(train_labels),
            "architecture": architecture,
        }
        self._step = 0
        self._roles: Mapping[str, str] = {}
        self._writer: RunWriter | None = None
        self._lock: Any = None
        self._began = 0.0
        self._output: RunOutput | None = None
        self.record: Record | None = None
        """What was recorded, after the `with` block; None in a command that stabbench runs."""

    def __enter__(self) -> Self:
        if self.out is None:
            assert self.seed is not None
            names = self._own_names
            if not self._replace and cells.is_recorded(self._place, names, self.seed, self.settings):
                raise UserError(cells.recorded_already(self._place, names, self.seed))
            self._lock = self._place.store.lock(f"recording-{sha256_of_json([vars(names), self.seed])}")
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise UserError(f"another process is recording this seed in {self.working}") from None
        self._writer = RunWriter(self.working)
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        writer = self._writer
        assert writer is not None
        try:
            if error is not None:
                self._broke(writer, error)
            else:
                self.keep()
        except UserError as refused:
            self._broke(writer, refused)
            raise
        finally:
            self.close()

    def keep(self) -> None:
        """Record the finished run, as the end of a `with` block does; UserError where it is none or does not fit."""
        if self._output is None:
            raise UserError(
                "the run was not finished: call run.finish(labels, predictions), or run.finish(score=…), before "
                f"the end of the `with` block; what was logged is in {self.working}"
            )
        if self.out is None and self.record is None:  # the folder of a command is read by whoever runs it
            assert self.seed is not None
            names, settings, place = self._own_names, self.settings, self._place
            self.record = cells.keep(self._output, names, self.seed, settings, place, replace=self._replace)
            shutil.rmtree(self.working, ignore_errors=True)

    def close(self) -> None:
        """Let go of the run's files, recorded or not, for those who cannot use `with`."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._lock is not None:
            self._lock.release()

    def describe(self, **what: Any) -> None:
        """Say what was not known before: `metric`, `objective`, `label_names`."""
        self._description |= {name: value for name, value in what.items() if value is not None}

    @property
    def working(self) -> Path:
        """The folder with what has been logged so far."""
        if self.out is not None:
            return self.out
        names = self._own_names
        return self._place.store.root / WORKING / names.model / names.task / names.strategy / f"seed-{self.seed:04d}"

    def log(self, step: int, **values: Any) -> None:
        """Record what is known after `step` updates: loss, learning_rate, gradient_norm (before clipping), and scores.

        Whatever has another name is a score on dev (`accuracy=0.7`), or its loss (`dev_loss=0.6`). What is None is not
        known. Steps are counted from 1 and do not go back; one may be logged in several parts.
        """
        writer, step = self._at_work(), whole("step", step)
        if step < max(1, self._step):
            last = f", after step {self._step}" if self._step else ""
            raise UserError(f"step is {step}{last}: expected how many updates are done, counted from 1 and never back")
        given = {name: number(name, value) for name, value in values.items() if value is not None}
        usual = {*format.ALIASES, *format.ALIASES.values(), "clipped_gradient_norm"}
        row = {name if name in usual or name.startswith("dev_") else f"dev_{name}": given[name] for name in given}
        writer.history({"step": step, **row})
        self._step = step

    def evaluated(self, step: int | None = None, *, dev_loss: Any = None, **scores: Any) -> None:
        """Record an evaluation on dev after `step` updates, by default those logged so far."""
        self.log(self._step if step is None else step, dev_loss=dev_loss, **scores)

    def gradient_norms(self, gradients: Any, step: int | None = None) -> None:
        """Record the norm of each tensor's gradient: between `backward` and clipping.

        `gradients` is a torch module, or a mapping from names to gradients (or to their norms); `step` is the number of
        updates done before, by default those logged so far. Every tenth update is enough for figures.
        """
        writer = self._at_work()
        norms = gradient_norms(gradients)
        if is_module(gradients) and not self._roles:
            self._roles = roles_of(gradients)
        writer.gradient_norms(self._step if step is None else whole("step", step), norms)

    def finish(
        self,
        labels: Any = None,
        predictions: Any = None,
        *,
        logits: Any = None,
        examples: Any = None,
        scores: Mapping[str, Any] | None = None,
        score: Any = None,
        dev_loss: Any = None,
        train_loss: Any = None,
        diverged: bool = False,
        total_steps: int | None = None,
        steps_per_epoch: int | None = None,
        warmup_steps: int | None = None,
        seconds: Mapping[str, float] | None = None,
        versions: Mapping[str, str] | None = None,
        device: str | None = None,
        tensors: Mapping[str, str] | None = None,
    ) -> None:
        """Say how the run ended: dev's labels `(n,)` with predictions `(n,)` or logits `(n, outputs)`, or scores.

        With labels, scores are computed; a given one must be the same. `examples` `(n,)` are the rows of dev, else
        0 to n - 1; `train_loss` is that of the final weights on the whole training set, dropout off. A score, loss or
        logit that is no number means that the run diverged, and so does `diverged`.

        The record is made where the `with` block ends without an exception. UserError for what does not fit.
        """
        writer = self._at_work()
        self._write_predictions(writer, labels, predictions, logits, examples)
        given = {name: number(name, value) for name, value in mapping("scores", scores).items()}
        if score is not None:
            headline = self._description["metric"]
            if headline is None:
                raise UserError(
                    "finish(score=…) without a name: say record(metric='accuracy'), or scores={'accuracy': …}"
                )
            given.setdefault(headline, number("score", score))
        took = {name: number(f"seconds of {name}", value) for name, value in mapping("seconds", seconds).items()}
        steps = {"total_steps": total_steps, "steps_per_epoch": steps_per_epoch, "warmup_steps": warmup_steps}
        known = {name: whole(name, value) for name, value in steps.items() if value is not None}
        writer.finish(
            {
                **self._description,
                "metric": self._description["metric"] or next(iter(given), None),
                "scores": given,
                "dev_loss": None if dev_loss is None else number("dev_loss", dev_loss),
                "train_loss_final": None if train_loss is None else number("train_loss", train_loss),
                "status": format.DIVERGED if diverged else None,
                "total_steps": self._step or None,
                **known,
                "seconds": took or {"training": time.monotonic() - self._began},
                "versions": mapping("versions", versions),
                "device": None if device is None else str(device),
                "tensors": mapping("tensors", self._roles if tensors is None else tensors),
                "seed": self.seed,
                **{name: value for name, value in self._names.items() if value is not None},
            }
        )
        self._output = read_output(self.working)

    @staticmethod
    def _write_predictions(writer: RunWriter, labels: Any, predictions: Any, logits: Any, examples: Any) -> None:
        given = {"example": examples, "label": labels, "prediction": predictions, "logits": logits}
        columns = {name: column(name, values) for name, values in given.items() if values is not None}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{count:,} of {name}" for name, count in lengths.items())
            raise UserError(f"finish: found {found}, expected as many of each, one a dev example")
        if columns and not columns.keys() & {"prediction", "logits"}:
            raise UserError("finish: found labels alone, expected predictions or logits beside them")
        if columns:
            writer.predictions(columns)

    def _broke(self, writer: RunWriter, error: BaseException) -> None:
        told = RunError(type(error).__name__, str(error), "".join(traceback.format_exception(error)))
        writer.broke(told)
        if self.out is None and isinstance(error, Exception):  # Ctrl-C breaks no run
            assert self.seed is not None
            cells.keep_error(told, self._own_names, self.seed, self.settings, self._place)

    def _at_work(self) -> RunWriter:
        if self._writer is None:
            raise UserError("the recorder is not at work: use it inside of `with stabbench.record(…) as run:`")
        if self._output is not None:
            raise UserError("the run is finished: nothing can be recorded after run.finish(…)")
        return self._writer

    @property
    def _own_names(self) -> Names:
        return Names(**{name: str(value) for name, value in self._names.items()})
