"""params.yaml as a JSON schema, by which an editor completes its keys and underlines mistakes as they are typed.

What pydantic says of the blocks is the start. Where a key takes more than its type says, as seeds take "1-25", what may
be written is said here. Blocks whose keys are their plugin's own (studies, probes, options, trainers) stay open, and
what no schema can say, as that a name of the grid has a block, `load` alone tells.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from stabbench.config.loading import OPTIMIZER_GROUP, SOURCE_GROUP, STRATEGY_GROUP, TRAINER_GROUP
from stabbench.config.own_data import OBJECTIVE_GROUP
from stabbench.config.schema import Config
from stabbench.config.seeds import LARGEST_SEED
from stabbench.datasets import AUTO, DATASETS
from stabbench.files import write_json
from stabbench.looks import FEWEST, MOST_STAGES, QUESTIONS
from stabbench.metrics import METRICS
from stabbench.plugins import installed
from stabbench.recipe import DECAY_SHAPES, OWN_DROPOUT, PRECISIONS, SCHEDULES, SELECTIONS

SCHEMA_FILE = Path(".stabbench/params.schema.json")
"""Where `stabbench init` and `stabbench validate` keep the schema of the installed version, beside params.yaml; Git
ignores it."""
MODELINE = f"# yaml-language-server: $schema={SCHEMA_FILE.as_posix()}"
"""The line of params.yaml that tells editors so."""

Schema = dict[str, Any]
_NAME: Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"}
_SEED: Schema = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}
_PART = r"\s*[0-9]+(\s*-\s*[0-9]+)?\s*"
_SEEDS: list[Schema] = [
    _SEED,
    {"type": "string", "pattern": f"^{_PART}(,{_PART})*$"},
    {"type": "array", "items": _SEED, "minItems": 1, "uniqueItems": True},
]
_STAGES: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["stage", "stages"],
    "properties": {
        "first": {**_SEED, "description": "The first seed."},
        "stage": {"type": "integer", "minimum": FEWEST, "description": "Seeds a strategy between two looks."},
        "stages": {"type": "integer", "minimum": 1, "maximum": MOST_STAGES, "description": "Looks at the most."},
        "alpha": {"type": "number", "minimum": 0.001, "exclusiveMaximum": 0.5},
        "accept": {"type": ["number", "null"], "minimum": 0.2, "exclusiveMaximum": 1},
        "questions": {
            "type": "array", "items": {"enum": [*QUESTIONS]}, "minItems": 1, "uniqueItems": True,
        },
    },
    "description": "Seeds by stages, looked at in between (docs/seeds.md).",
}  # fmt: skip
_SHARE: Schema = {"minimum": 0, "exclusiveMaximum": 1}
_ABOVE_0: Schema = {"exclusiveMinimum": 0}
RECIPE: Mapping[str, Schema] = {
    "learning_rate": _ABOVE_0,
    "epochs": _ABOVE_0,
    "total_steps": {"minimum": 1},
    "batch_size": {"minimum": 1},
    "warmup_ratio": {"minimum": 0, "maximum": 1},
    "schedule": {"enum": [*SCHEDULES, None]},
    "schedule_power": _ABOVE_0,
    "schedule_decay_share": {**_ABOVE_0, "maximum": 1},
    "schedule_decay_shape": {"enum": [*DECAY_SHAPES, None]},
    "optimizer": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]},
    "optimizer_options": {"anyOf": [{"type": "object"}, {"type": "null"}]},
    "adam_beta1": _SHARE,
    "adam_beta2": _SHARE,
    "adam_beta2_batch_size": {"minimum": 1},
    "adam_epsilon": {"minimum": 0},
    "adam_formula": {"enum": ["paper", "torch", None]},
    "weight_decay": {"minimum": 0},
    "max_grad_norm": {"minimum": 0},
    "dropout": {"anyOf": [{"type": "number", **_SHARE}, {"enum": [OWN_DROPOUT, None]}]},
    "max_length": {"minimum": 4},
    "evaluations_per_epoch": {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            {"type": "number", "minimum": 1, "multipleOf": 1},
            {"type": "null"},
        ]
    },
    "checkpoint_selection": {"enum": [*SELECTIONS, None]},
    "early_stopping_patience": {"minimum": 1},
    "gradient_norm_every": {"minimum": 1},
    "precision": {"enum": [*PRECISIONS, None]},
}
"""What the ranges of `stabbench.recipe` are in a schema, by field."""


class _Untitled(GenerateJsonSchema):
    """Without titles, which say the names of keys again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False


def params_schema() -> Schema:
    """The schema (draft 2020-12) of a params.yaml, with the names of what is installed as suggestions."""
    whole = Config.model_json_schema(schema_generator=_Untitled)
    blocks, top = whole["$defs"], whole["properties"]
    for section, block in {"models": "ModelBlock", "tasks": "TaskBlock", "strategies": "StrategyBlock"}.items():
        _set(top, section, _named({"$ref": f"#/$defs/{block}"}))
    for section in ("studies", "probes"):
        _set(top, section, _named({"type": "object"}))
    _set(top, "seeds", {"anyOf": [*_SEEDS, _STAGES]})
    _set(top, "keep_weights", {"anyOf": [*_SEEDS, {"enum": [None, "", []]}]})
    _set(top, "report", {"anyOf": [{"$ref": "#/$defs/ReportBlock"}, {"type": "null"}]})
    for section in ("models", "tasks", "strategies"):
        _set(blocks["Grid"]["properties"], section, _one_or_several(_NAME))
    _recipe(blocks["RecipeOverrides"]["properties"])
    _strategies_and_models(blocks["StrategyBlock"]["properties"], blocks["ModelBlock"]["properties"])
    _tasks(blocks["TaskBlock"]["properties"])
    for name in ("ModelBlock", "TaskBlock", "StrategyBlock"):
        blocks[name].pop("required", None)
    for block in (whole, *blocks.values()):
        _tidy(block)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "params.yaml of stabbench"}
    return {**whole, **head, "required": ["seeds", "grid"]}


def write_schema(params: Path) -> None:
    """Keep the schema where the head of a params.yaml says that it is; nothing where it does not, or it is there."""
    with params.open(encoding="utf-8") as file:
        if file.readline().strip() != MODELINE:
            return
    write_json(params.parent / SCHEMA_FILE, params_schema())


def _tidy(block: Schema) -> None:
    """Without the name of its class, and without defaults that say that nothing is set."""
    block.pop("title", None)
    for told in block.get("properties", {}).values():
        if told.get("default", 0) in (None, [], {}) or isinstance(told.get("default"), dict):
            del told["default"]


def _set(properties: Schema, key: str, schema: Schema) -> None:
    """What a key may hold, with its own description and default."""
    kept = {name: properties[key][name] for name in ("description", "default") if name in properties[key]}
    properties[key] = {**kept, **schema}


def _named(block: Schema) -> Schema:
    """Blocks by name; one that is written without a key is an empty one, and so is the section."""
    each = {"anyOf": [block, {"type": "null"}]}
    return {"type": ["object", "null"], "propertyNames": {"pattern": _NAME["pattern"]}, "additionalProperties": each}


def _one_or_several(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}]}


def _suggested(names: Collection[str]) -> Schema:
    """A text, of which an editor offers these."""
    return {"anyOf": [{"enum": sorted(names)}, {"type": "string"}]}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [*(schema.get("anyOf") or [schema]), {"type": "null"}]}


def _recipe(properties: Schema) -> None:
    for field, told in RECIPE.items():
        if "enum" in told or "anyOf" in told:
            _set(properties, field, told)
        else:
            properties[field].update(told)
    _set(properties, "optimizer", _or_null(_suggested(installed(OPTIMIZER_GROUP).names)))


def _strategies_and_models(strategy: Schema, model: Schema) -> None:
    trainer = [
        _suggested(installed(TRAINER_GROUP).names),
        {"type": "object", "required": ["plugin"], "properties": {"plugin": {"type": "string"}}},
        {"type": "object", "required": ["command"]},
        {"type": "null"},
    ]
    for block in (strategy, model):
        _set(block, "trainer", {"anyOf": trainer})
        _set(block, "recipe", _or_null({"$ref": "#/$defs/RecipeOverrides"}))
    _set(strategy, "plugin", _one_or_several(_suggested(installed(STRATEGY_GROUP).names)))
    _set(strategy, "options", {"type": ["object", "null"]})


def _tasks(task: Schema) -> None:
    word = {"type": ["string", "number", "boolean", "null"]}
    column = {"type": "string"}
    columns = {"type": "array", "items": column, "minItems": 1, "maxItems": 2}
    words = {"type": "array", "items": word, "minItems": 1, "uniqueItems": True}
    _set(task, "dataset", {"enum": [*DATASETS, None]})
    _set(task, "source", _suggested({AUTO, *installed(SOURCE_GROUP).names}))
    _set(task, "objective", _or_null(_suggested(installed(OBJECTIVE_GROUP).names)))
    _set(task, "options", {"type": ["object", "null"]})
    _set(task, "text", {"anyOf": [column, columns, {"type": "null"}]})
    _set(task, "labels", _or_null(words))
    metrics = {"type": "array", "items": _suggested(METRICS.names()), "minItems": 1, "uniqueItems": True}
    _set(task, "metrics", _or_null(metrics))
    values = {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [word, words]}}
    _set(task, "drop", _or_null(values))
    del task["fold"]
