"""The JSON schema of params.yaml: it takes what `load` takes, and sees the mistakes that a schema can see."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from stabbench import scaffold
from stabbench.cli import main
from stabbench.config import load
from stabbench.config.json_schema import MODELINE, RECIPE, SCHEMA_FILE, params_schema
from stabbench.config.schema import Config
from stabbench.errors import UserError
from stabbench.looks import Design
from stabbench.recipe import RECIPE_FIELDS, as_field, violated_range
from tests.test_documented_commands import blocks

VALIDATOR = Draft202012Validator(params_schema())
GRID = {"models": ["embedded"], "tasks": ["rte"], "strategies": ["devlin"]}


def mistakes(content: object) -> list[str]:
    """Where the schema finds one, as `strategies.devlin.recipe`."""
    return sorted({".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(content)})


def with_(**sections: object) -> dict[str, Any]:
    return {"seeds": "1-3", "grid": GRID, **sections}


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_it_is_a_schema_of_its_draft() -> None:
    Draft202012Validator.check_schema(params_schema())


@pytest.mark.parametrize("preset", scaffold.PRESETS)
def test_it_takes_every_preset(preset: str) -> None:
    assert mistakes(read(scaffold.files_of(preset)["params.yaml"])) == []


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if "grid:" in block.text], ids=str)
def test_it_takes_every_grid_of_the_documentation(block: Any) -> None:
    assert mistakes({"seeds": 1, "grid": GRID} | read(block.text) | {"grid": GRID | read(block.text)["grid"]}) == []


@pytest.mark.parametrize(
    "content",
    [
        with_(seeds=7),
        with_(seeds=[3, 1]),
        with_(seeds=" 1 - 4, 9"),
        with_(seeds={"stage": 5, "stages": 5}),
        with_(seeds={"first": 1, "stage": 5, "stages": 5, "alpha": 0.05, "accept": None, "questions": ["level"]}),
        with_(grid={"models": "embedded", "tasks": "rte", "strategies": ["devlin"]}),
        with_(models=None, strategies={"devlin": None}, report=None, studies=None, probes={"surface": None}),
        with_(keep_weights=None),
        with_(keep_weights="1-2"),
        with_(strategies={"devlin": {"plugin": ["reinit", "llrd"], "options": {"reinit": {"layers": 3}}}}),
        with_(strategies={"devlin": {"plugin": "./mine.py:Mine", "recipe": None, "options": None}}),
        with_(strategies={"devlin": {"trainer": "huggingface"}}),
        with_(strategies={"devlin": {"trainer": {"command": ["python", "train.py"], "anything": 1}}}),
        with_(models={"embedded": {"trainer": {"plugin": "./t.py:T", "gpus": 2}}}),
        with_(tasks={"rte": {"source": "./words.py:Words", "options": {"file": "words.txt"}}}),
        with_(tasks={"rte": {"files": {"train": "a.csv"}, "text": "title", "label": "y", "drop": {"y": ["-", None]}}}),
        with_(tasks={"rte": {"files": {"train": "a.csv"}, "text": ["a", "b"], "label": "y", "labels": [False, True]}}),
        with_(studies={"mine": {"study": "./study.py:Study", "whatever": {"it": "takes"}}}),
        with_(report={"equivalence": [0.9, 1.1], "order": "std"}),
    ],
    ids=lambda content: json.dumps({key: content[key] for key in content if key != "grid"} or content),
)
def test_it_takes_every_form_that_a_key_may_have(content: dict[str, Any]) -> None:
    assert mistakes(content) == []


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"grid": GRID}, ""),
        ({"seeds": 1}, ""),
        (with_(sedes=1), ""),
        (with_(seeds="1-"), "seeds"),
        (with_(seeds=[]), "seeds"),
        (with_(seeds=[1, 1]), "seeds"),
        (with_(seeds=-1), "seeds"),
        (with_(seeds={"stage": 5}), "seeds"),
        (with_(seeds={"stage": 5, "stages": 5, "stge": 1}), "seeds"),
        (with_(seeds={"stage": 2, "stages": 5}), "seeds"),
        (with_(seeds={"stage": 5, "stages": 21}), "seeds"),
        (with_(seeds={"stage": 5, "stages": 5, "alpha": 0.5}), "seeds"),
        (with_(seeds={"stage": 5, "stages": 5, "accept": 0.1}), "seeds"),
        (with_(seeds={"stage": 5, "stages": 5, "questions": ["height"]}), "seeds"),
        (with_(grid={**GRID, "strategies": []}), "grid.strategies"),
        (with_(grid={**GRID, "tasks": ["Rte"]}), "grid.tasks"),
        (with_(grid={**GRID, "task": ["rte"]}), "grid"),
        (with_(strategies={"Devlin": {}}), "strategies"),
        (with_(strategies={"devlin": {"recipe": {"learning_rate": 0}}}), "strategies.devlin"),
        (with_(strategies={"devlin": {"recipe": {"learning_rat": 1e-5}}}), "strategies.devlin"),
        (with_(strategies={"devlin": {"recipe": {"precision": "fp8"}}}), "strategies.devlin"),
        (with_(strategies={"devlin": {"trainer": {"pluign": "huggingface"}}}), "strategies.devlin"),
        (with_(tasks={"rte": {"dataset": "rt"}}), "tasks.rte"),
        (with_(tasks={"rte": {"train_size": "all"}}), "tasks.rte"),
        (with_(tasks={"rte": {"fold": 1}}), "tasks.rte"),
        (with_(models={"embedded": {"pretraining": {"layers": 0}}}), "models.embedded"),
        (with_(report={"alpha": 1}), "report"),
        (with_(studies={"ablation": [1]}), "studies.ablation"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_mistake_is_found_where_it_is_and_load_finds_it_too(
    content: dict[str, Any], place: str, tmp_path: Path
) -> None:
    assert mistakes(content) == [place]
    (tmp_path / "params.yaml").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError):
        load(tmp_path / "params.yaml")


VALUES = (-1, -0.5, 0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 16, "fp32", "fp64", "paper", "torch", "model", "other")


@pytest.mark.parametrize("field", sorted(set(RECIPE_FIELDS) & RECIPE.keys()))
def test_a_field_of_a_recipe_has_the_range_that_recipes_have(field: str) -> None:
    for value in VALUES:
        is_word = isinstance(value, str)
        if is_word and not {"enum", "anyOf"} & RECIPE[field].keys():
            continue  # of another type, which pydantic's part of the schema tells
        if not is_word and "enum" in RECIPE[field]:
            continue
        words = ("dropout", "precision", "adam_formula", "schedule", "schedule_decay_shape", "optimizer")
        if is_word and field not in words:
            continue
        takes = Draft202012Validator({**RECIPE[field]}).is_valid(value)
        assert takes == (violated_range(field, as_field(field, value)) is None), value


def test_every_key_of_seeds_by_stages_is_in_the_schema() -> None:
    (stages,) = (form for form in params_schema()["properties"]["seeds"]["anyOf"] if form["type"] == "object")
    assert set(stages["properties"]) == {"first", *(field.name for field in dataclasses.fields(Design))}
    assert set(stages["required"]) == {
        field.name for field in dataclasses.fields(Design) if field.default is dataclasses.MISSING
    }


def test_every_field_with_a_range_is_in_the_schema() -> None:
    assert {field for field in RECIPE_FIELDS if field not in ("bias_correction", "legacy_segments")} == RECIPE.keys()


def test_every_key_of_params_yaml_is_in_the_schema_and_the_keys_say_what_they_are() -> None:
    schema = params_schema()
    assert set(schema["properties"]) == set(Config.model_fields)
    strategy = schema["$defs"]["StrategyBlock"]["properties"]
    assert strategy["plugin"]["description"].startswith("Names of installed strategies")
    assert "mixout" in json.dumps(strategy["plugin"]), "the installed ones are offered"


def test_the_command_prints_it_or_writes_it(tmp_path: Path) -> None:
    printed = CliRunner().invoke(main, ["schema"])
    assert json.loads(printed.stdout) == json.loads(json.dumps(params_schema()))
    written = CliRunner().invoke(main, ["schema", "--out", str(tmp_path / "a.json")])
    assert written.exit_code == 0
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == json.loads(printed.stdout)


def test_init_writes_the_schema_where_the_first_line_of_params_yaml_says_that_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["init", "minilm"]).exit_code == 0
    first = (tmp_path / "params.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == MODELINE
    named = tmp_path / first.partition("$schema=")[2]
    assert json.loads(named.read_text(encoding="utf-8")) == json.loads(json.dumps(params_schema()))
    assert "/.stabbench/" in (tmp_path / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_validate_brings_the_schema_to_a_clone_and_leaves_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = scaffold.files_of("demo")["params.yaml"]
    (tmp_path / "params.yaml").write_text(text.removeprefix(f"{MODELINE}\n"), encoding="utf-8")
    assert CliRunner().invoke(main, ["validate"]).exit_code == 0
    assert not (tmp_path / SCHEMA_FILE).exists()
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    assert CliRunner().invoke(main, ["validate"]).exit_code == 0
    assert (tmp_path / SCHEMA_FILE).is_file()


def test_every_preset_and_a_project_of_an_own_file_name_the_schema() -> None:
    texts = [scaffold.files_of(preset)["params.yaml"] for preset in scaffold.PRESETS]
    assert all(text.startswith(f"{MODELINE}\n") for text in texts)
    template = Path(scaffold.__file__).parent / "presets/own.yaml.jinja"
    assert MODELINE in template.read_text(encoding="utf-8")
