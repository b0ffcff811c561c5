"""Kept weights as logged models: a pyfunc over a Hugging Face folder, from code and safetensors, without pickle."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Array

from stabbench.errors import UserError
from stabbench.model_files import has_tokenizer
from stabbench.plan import Cell
from stabbench.records import Record, Store, UnreadableRecordError, check_weights
from stabbench.records.dead_weights import divergence, reason_in
from stabbench.tracking import names

CODE = Path(__file__).with_name("classifier.py")
BATCH_SIZE = 32
REQUIREMENTS = ("torch", "transformers", "tokenizers", "safetensors", "pandas", "numpy")
EXAMPLE = {"text_a": "A man plays the piano.", "text_b": "Somebody makes music."}
"""Text of our own, never a line of a data set, which may not be ours to publish."""


class ModelNotLoggedError(Exception):
    """Kept weights that cannot become a model; the message says what is missing."""


def model_weights(record: Record, store: Store | None) -> tuple[Path | None, str | None]:
    """A run's kept weights, and why they are dead where they are: then nobody may be offered them.

    Raises UserError where live ones are not whole.
    """
    kept = record
    if store is not None:
        with suppress(UnreadableRecordError):
            kept = Record.read(store.folder(record.fingerprint), verify=False)
    if not kept.gave(record.result.result_digest):
        return None, None
    weights, dead = kept.weights, divergence(record.content) or reason_in(kept.folder / "weights")
    if weights is not None and dead is None:
        try:
            check_weights(weights)
        except UnreadableRecordError as error:
            raise UserError(f"run `stabbench train`, as its kept weights are not whole: {error}") from error
    return weights, dead


def log_model(
    client: MlflowClient,
    experiment_id: str,
    run_id: str,
    cell: Cell,
    seed: int,
    record: Record,
    weights: Path,
) -> str:
    """Log the weights in a Hugging Face folder as a model of a run and return its id.

    What an interrupted call left of the run's model is deleted first. Raises ModelNotLoggedError where the folder has
    no tokenizer, without which nobody could ask the model anything.
    """
    if not has_tokenizer(weights):
        raise ModelNotLoggedError(f"no tokenizer beside the weights in {weights}")
    for unfinished in client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'"):
        client.delete_logged_model(unfinished.model_id)
    with tempfile.TemporaryDirectory(prefix="stabbench-model-") as temporary:
        saved = Path(temporary) / "model"
        scores = {names.name(f"final_{name}"): str(value) for name, value in record.result.final.scores.items()}
        model = client.create_logged_model(
            experiment_id,
            name=names.model_name(f"{cell.model}-{cell.task}-{cell.strategy}-seed-{seed}"),
            source_run_id=run_id,
            tags={"stabbench.fingerprint": record.fingerprint, "model": cell.model, "task": cell.task},
            params={"strategy": cell.strategy, "seed": str(seed), **scores},
            model_type="classifier" if cell.task_facts.label_names else "regressor",
        )
        mlflow.pyfunc.save_model(
            path=str(saved),
            python_model=str(CODE),
            artifacts={"classifier": str(weights.resolve())},
            model_config=_options(cell),
            signature=signature(cell),
            input_example=pd.DataFrame([EXAMPLE]),
            pip_requirements=_requirements(record.provenance().get("versions", {})),
            mlflow_model=Model(model_id=model.model_id, run_id=run_id),
        )
        _forget_paths(saved)
        client.log_model_artifacts(model.model_id, str(saved))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, record.result.final.step)])
    return str(model.model_id)


def _forget_paths(saved: Path) -> None:
    """Leave out of a saved model where its code and weights lay on this machine; loading goes by their names."""
    description = Model.load(str(saved))
    flavor = description.flavors["python_function"]
    flavor["model_code_path"] = CODE.name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    description.save(str(saved / "MLmodel"))


def signature(cell: Cell) -> ModelSignature:
    """Texts in; label id, label name and logits out, or of a regression the number that is predicted."""
    inputs = Schema([ColSpec(DataType.string, name, required=name == "text_a") for name in EXAMPLE])
    labelled: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.long, "prediction"),
        ColSpec(DataType.string, "label"),
        ColSpec(Array(DataType.double), "logits"),
    ]
    numbers: list[ColSpec | TensorSpec] = [ColSpec(DataType.double, "prediction")]
    return ModelSignature(inputs=inputs, outputs=Schema(labelled if cell.task_facts.label_names else numbers))


def can_be_asked(cell: Cell) -> bool:
    """Whether a model of it can be logged: how texts are cut and what its outputs mean is known."""
    recipe, facts = cell.spec.recipe, cell.task_facts
    return {"max_length", "legacy_segments"} <= set(recipe) and bool(facts.label_names or facts.objective)


def _options(cell: Cell) -> dict[str, Any]:
    recipe, objective = cell.spec.recipe, cell.task_facts.objective or {}
    return {
        **{name: float(objective[name]) for name in ("mean", "std") if name in objective},
        "label_names": list(cell.task_facts.label_names),
        "max_length": int(recipe["max_length"]),
        "legacy_segments": bool(recipe["legacy_segments"]),
        "batch_size": BATCH_SIZE,
    }


def _requirements(versions: Mapping[str, Any]) -> list[str]:
    pinned = {**{name: versions.get(name) for name in REQUIREMENTS}, "mlflow": mlflow.__version__}
    return [f"{name}=={str(version).partition('+')[0]}" if version else name for name, version in pinned.items()]
