"""Results in the format of Every Eval Ever: a JSON file a model, an evaluation a task and strategy.

A score is the mean over seeds, its uncertainty the standard error of that mean; std, seeds and failed runs stand beside
it. A metric without bounds (a loss) has no place in that format and is left out.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from stabbench.analysis.frame import reported_of
from stabbench.analysis.place import Place
from stabbench.analysis.reported import LAST_STEP, when_scored
from stabbench.datasets import DATASETS
from stabbench.files import canonical_json, sha256_of_json
from stabbench.plan import Cell
from stabbench.publishing.private import without_places
from stabbench.publishing.said import Said
from stabbench.records import SelectedCell
from stabbench.report.content import Content
from stabbench.report.numbers import significant
from stabbench.version import __version__

SCHEMA = "0.3.0"
"""The version of that format, against whose schema the files were validated."""
FOLDER = "every-eval-ever/data/stabbench"
UNKNOWN = "unknown/"
"""The developer of models that are not the hub's."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def every_eval_ever(content: Content, said: Said) -> tuple[dict[str, bytes], list[str]]:
    """The files by path, and what was left out, a sentence each.

    The moment that the format asks for is that of the latest record, so that the same records give the same bytes.
    """
    moment = _latest(content.selection.cells)
    if moment is None:
        return {}, ["No record says when it was made, which Every Eval Ever asks for: its files are left out."]
    files, left = {}, []
    for model in content.models:
        rows = content.table[(content.table["model"] == model) & (content.table["n"] > 0)]
        results = [_result(content, row) for _, row in rows.iterrows() if _is_bounded(content, row)]
        unbounded = sorted({str(row["metric"]) for _, row in rows.iterrows() if not _is_bounded(content, row)})
        left += [f"{model}: Every Eval Ever has no place for {name}, which has no bounds." for name in unbounded]
        if results:
            path, document = _document(content, model, results, moment, said)
            files[path] = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    return files, left


def _latest(cells: Sequence[SelectedCell]) -> str | None:
    """When the last of the records was made, in seconds since 1970."""
    made = [str(record.provenance().get("created", "")) for item in cells for record in item.records.values()]
    moments = [datetime.fromisoformat(text) for text in made if text]
    return f"{max(moments).timestamp():.0f}" if moments else None


def _is_bounded(content: Content, row: pd.Series) -> bool:
    kind = content.scoring.kind(str(row["metric"]))
    return math.isfinite(kind.lowest) and math.isfinite(kind.highest) and not math.isnan(float(row["mean"]))


def _document(
    content: Content, model: str, results: list[dict[str, Any]], moment: str, said: Said
) -> tuple[str, dict[str, Any]]:
    cell = next(item.cell for item in content.selection.cells if item.cell.model == model)
    identity = _model_id(cell)
    document = {
        "schema_version": SCHEMA,
        "evaluation_id": f"stabbench/{identity}/{moment}",
        "retrieved_timestamp": moment,
        "source_metadata": {
            "source_name": "stabbench",
            "source_type": "evaluation_run",
            "source_organization_name": "; ".join(said.authors),
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "stabbench", "version": __version__},
        "model_info": {
            "name": model,
            "id": identity,
            "additional_details": {
                "architecture": cell.spec.model.architecture,
                "content_hash": cell.spec.model.content_hash,
                "deployment_type": "self_deployed",
                "model_availability": "unknown" if identity.startswith(UNKNOWN) else "open_weights",
            },
        },
        "evaluation_results": results,
    }
    name = uuid.UUID(sha256_of_json(document)[:32], version=4)  # of its content, in the form that the format wants
    return f"{FOLDER}/{identity}/{name}.json", document


def _model_id(cell: Cell) -> str:
    """A model of the hub by its id there; any other one by its name, of a developer whom nobody knows."""
    source = cell.sources.get("model", "")
    return source if _HUB_ID.fullmatch(source) and "." not in source.split("/")[0] else f"{UNKNOWN}{cell.model}"


def _result(content: Content, row: pd.Series) -> dict[str, Any]:
    place = Place(str(row["model"]), str(row["task"]), str(row["strategy"]))
    cell = next(item.cell for item in content.selection.cells if Place.of(item.cell) == place)
    kind, metric, n = content.scoring.kind(str(row["metric"])), str(row["metric"]), int(row["n"])
    failed = "not known" if pd.isna(row["failed"]) else str(int(row["failed"]))
    std = significant(float(row["std"]))
    when = when_scored([reported_of(cell)])
    score = "last step's score" if when == LAST_STEP else f"score {when}"
    details = {"seeds": str(n), "failed_runs": failed, "statistic": f"mean over training seeds of the {score}"}
    uncertainty = {} if std is None else {"uncertainty": _uncertainty(std, n)}
    return {
        "evaluation_name": f"{place.task}, {place.strategy}",
        "source_data": _source_data(cell),
        "metric_config": {
            "evaluation_description": f"{content.scoring.name(metric)} on dev after fine-tuning by {place.strategy}",
            "lower_is_better": kind.lower,
            "score_type": "continuous",
            "min_score": kind.lowest,
            "max_score": kind.highest,
        },
        "score_details": {"score": significant(float(row["mean"])), "details": details, **uncertainty},
        "generation_config": {"additional_details": _recipe(cell)},
    }


def _uncertainty(std: float, n: int) -> dict[str, Any]:
    """Here the samples are trainings: n of them, one a seed."""
    error = {"value": significant(std / math.sqrt(n)), "method": "standard deviation over training seeds / sqrt(seeds)"}
    return {"standard_error": error, "standard_deviation": std, "num_samples": n}


def _source_data(cell: Cell) -> dict[str, Any]:
    facts = cell.task_facts
    counts = {f"{split}_examples": str(count) for split, count in facts.counts.items()}
    details = {"additional_details": {"content_hash": facts.content_hash, **counts}}
    known = DATASETS.get(facts.dataset)
    if known is not None and known.hub is not None:
        found = {"source_type": "hf_dataset", "hf_repo": known.hub.repository, "hf_split": "val"}
        return {"dataset_name": facts.dataset, **found, **details}
    return {"dataset_name": str(without_places(facts.dataset)) or cell.task, "source_type": "other", **details}


def _recipe(cell: Cell) -> Mapping[str, str]:
    plugins = {"plugins": canonical_json(without_places(cell.spec["plugins"]))}
    return {**{name: str(value) for name, value in cell.spec.recipe.items() if value is not None}, **plugins}
