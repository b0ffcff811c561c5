"""What a child run shows of a record: tags, parameters, scores, curves and its data set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

from stabbench.analysis.frame import FAILED
from stabbench.analysis.place import Place
from stabbench.files import sha256_of_json
from stabbench.plan import Cell
from stabbench.records import Record
from stabbench.records.content import UNJUDGED
from stabbench.tracking.curves import curves
from stabbench.tracking.texts import finite, shown

KIND, CELL, FINGERPRINT = "stabbench.kind", "stabbench.cell", "stabbench.fingerprint"
SEED, STATUS, DIGEST = "stabbench.seed", "stabbench.status", "stabbench.result_digest"
SELECTED, MODEL = "stabbench.selected", "stabbench.logged_model"
FINITE = "stabbench.finite_model"
"""On runs whose logged model is known to hold finite numbers alone."""
PART, STUDY, PROBE = "stabbench.part", "stabbench.study", "stabbench.probe"
"""`stabbench.part` is `grid`, `study` or `probe`, on every run; the other two name the study or probe."""
PARENT = "mlflow.parentRunId"
DIGEST_LENGTH = 36
"""MLflow keeps this many characters of a data set's digest; the whole hash is in its profile."""


@dataclass(frozen=True)
class Span:
    """When a run was at work, in milliseconds since 1970, as MLflow counts."""

    start: int
    end: int

    def at(self, step: int, total: int) -> int:
        """About when an update was made; a function of the record alone, so that logging again repeats it."""
        return self.start + (self.end - self.start) * min(step, total) // max(total, 1)


def cell_key(cell: Cell, study: str | None = None) -> str:
    """What a parent run is known by: the names of the cell, its study, and everything that its seeds share."""
    return sha256_of_json(
        {**Place.of(cell)._asdict(), "spec": dict(cell.spec), **({} if study is None else {"study": study})}
    )


def place_tags(cell: Cell, seed: int, study: str | None, parent: str) -> dict[str, str]:
    """The tags of a child run that say below what it stands."""
    return {
        "mlflow.runName": f"{cell.task} {cell.strategy} seed {seed}",
        PARENT: parent,
        CELL: cell_key(cell, study),
        SEED: str(seed),
        SELECTED: "true",
        PART: "grid" if study is None else "study",
        **({} if study is None else {STUDY: study}),
        **Place.of(cell)._asdict(),
    }


def run_tags(record: Record, provenance: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a child run that its record decides: how it is found again, and how it ended."""
    tags = {
        "mlflow.source.name": "stabbench",
        KIND: "run",
        FINGERPRINT: record.fingerprint,
        STATUS: record.status,
        DIGEST: record.result.result_digest,
    }
    if record.result.flags.collapsed is not None:
        tags["collapsed"] = json.dumps(record.result.flags.collapsed)
    if provenance.get("git_commit"):
        tags["mlflow.source.git.commit"] = str(provenance["git_commit"])
    if provenance.get("device"):
        tags["device"] = str(provenance["device"])
    if record.result.diverged_at is not None:
        tags["diverged_at"] = str(record.result.diverged_at)
    return tags


def cell_params(cell: Cell) -> dict[str, str]:
    """The effective recipe, as far as it is known, and the options of its plugins (`mixout.probability`), as MLflow
    compares them; where other people's code trained, its name, version and options (`trainer.optim`).
    """
    params = {name: shown(value) for name, value in cell.spec.recipe.items()}
    trainer = cell.spec.trainer
    if trainer is not None:
        params["trainer"] = f"{trainer.name} {trainer.version}"
        params.update({f"trainer.{option}": shown(value) for option, value in trainer.options.items()})
    for plugin in cell.spec.plugins:
        params[plugin.name] = f"version {plugin.version}"
        params.update({f"{plugin.name}.{option}": shown(value) for option, value in plugin.options.items()})
    return params


def run_params(cell: Cell, seed: int, record: Record) -> dict[str, str]:
    """The cell's parameters with the seed and the steps that were planned, as far as these are known."""
    found = record.result
    numbers = {"total_steps": found.total_steps or None, "steps_per_epoch": found.steps_per_epoch}
    numbers["warmup_steps"] = found.warmup_steps
    steps = {name: shown(value) for name, value in numbers.items() if value is not None}
    streams = cell.run_spec(seed).seeds
    crossed = {f"seed.{stream}": str(value) for stream, value in streams.items() if value != seed}
    return {**cell_params(cell), **steps, "seed": str(seed), **crossed}


def run_metrics(record: Record, provenance: Mapping[str, Any], span: Span) -> list[Metric]:
    """Final and best scores, losses, cost and the thinned curves; values that are not finite are left out."""
    result = record.result
    total = result.total_steps
    metrics = [
        Metric(point.key, point.value, span.at(point.step, total), point.step) for point in curves(record.history())
    ]
    final, best = result.final, result.best
    values: dict[str, Any] = {
        "failed": None if record.status == UNJUDGED else float(record.status in FAILED),
        "diverged": float(record.status == "diverged"),
        "train_loss_last_epoch": result.train_loss.last_epoch,
        "train_loss_final": result.train_loss.final,
        "cost_steps": result.cost.steps or None,
        "cost_tokens": result.cost.tokens,
        "cost_flops": result.cost.flops,
        "seconds": provenance.get("seconds", {}).get("total"),
        "final_dev_loss": final.dev_loss,
        **{f"final_{name}": value for name, value in final.scores.items()},
        **{f"best_{name}": value for name, value in best.scores.items()},
        "best_step": best.step if total else None,
    }
    metrics += [Metric(key, float(value), span.end, final.step) for key, value in values.items() if finite(value)]
    return metrics


def run_span(record: Record, provenance: Mapping[str, Any]) -> Span:
    """When the run was trained; where its provenance is gone, when its record was written."""
    try:
        end = int(datetime.fromisoformat(str(provenance["created"])).timestamp() * 1000)
    except (KeyError, ValueError):
        end = int((record.folder / "record.json").stat().st_mtime * 1000)
    seconds = provenance.get("seconds", {}).get("total") or 0.0
    return Span(end - int(float(seconds) * 1000), end)


def dataset_input(cell: Cell) -> DatasetInput:
    """The cell's task as MLflow's input, known by its content hash."""
    facts = cell.task_facts
    columns = [{"name": name, "type": "string", "required": name == "text_a"} for name in ("text_a", "text_b")]
    if facts.label_names or facts.objective:  # else nobody says what the labels are
        columns.append({"name": "label", "type": "long" if facts.label_names else "double", "required": True})
    sizes = {"num_rows": facts.counts.get("train"), "dev_rows": facts.counts.get("dev")}
    profile = {
        **{name: size for name, size in sizes.items() if size},
        "metric": facts.metric,
        "label_names": list(facts.label_names),
        "majority": facts.constant.scores,
        "content_hash": facts.content_hash,
        **({"objective": dict(facts.objective)} if facts.objective else {}),
    }
    dataset = Dataset(
        name=cell.task,
        digest=facts.content_hash[:DIGEST_LENGTH],
        source_type="local",
        source=json.dumps({"uri": cell.sources["task"]}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
