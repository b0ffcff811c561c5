"""Families of models are peers, each found by its model type; what all of them keep to is in `stabbench.testing`."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stabbench.errors import UserError
from stabbench.models import architecture as module_of_architecture
from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.models.families.bert import Bert
from stabbench.models.roles import roles_of
from tests.foreign.tiny_families import FAMILIES, LABELS, NATIVE, config

every_family = pytest.mark.parametrize("family", FAMILIES)


@cache
def architecture(family: str) -> Architecture:
    return families.architecture_of(config(family).to_dict(), LABELS)


@every_family
def test_an_architecture_names_the_family_that_read_it(family: str) -> None:
    found = families.reading(config(family).to_dict())
    assert families.of(architecture(family)) is found
    assert found.name == (FAMILIES[family][0] if family in NATIVE else families.OTHERS)


def test_an_architecture_is_data_that_imports_no_model() -> None:
    tree = ast.parse(Path(module_of_architecture.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name and name.startswith("stabbench")} == {"stabbench.errors"}
    assert Architecture.__subclasses__() == []


def test_a_config_is_read_without_torch_where_transformers_is_not_asked() -> None:
    config = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    program = (
        "import sys; from stabbench.models import families; "
        f"families.architecture_of({config} | {{'model_type': 'roberta'}}, 2); "
        "print(sorted({'torch', 'transformers', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@every_family
def test_a_plan_says_the_kind_of_every_tensor(family: str) -> None:
    found = architecture(family)
    roles = roles_of(found)
    assert {roles.of(name).kind for name in found.shapes()} <= {fact.kind for fact in found.facts().values()}


@pytest.mark.parametrize("family", NATIVE)
def test_parts_of_a_layer_are_tensors_of_it(family: str) -> None:
    found = architecture(family)
    for number in range(found.layers):
        for part, name in found.layer(number).items():
            fact = found.facts().get(f"{name}.weight")
            if fact is None:
                assert (family, number, part) == ("modernbert", 0, "attention_norm")
                continue
            assert fact.depth == (1 if found.shares_layers else number + 1)
            told = "query, key and value" if part == "query_key_value" else part.replace("_", " ")
            assert fact.part == ("" if part.endswith("_norm") else told)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": None}, "`name` is None, expected a str"),
        ({"capabilities": ("stacks",)}, "`capabilities` is ('stacks',), expected a Capabilities"),
        ({"defaults": {"adam_beta1": 2.0}}, "`defaults`: adam_beta1: found 2.0"),
        ({"encoders": lambda self: None}, "unknown method `encoders`: did you mean `encoder`?"),
    ],
)
def test_a_class_that_is_no_family_is_refused_in_a_sentence(members: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        families.check_family(type("Mine", (Bert,), members), "model family 'mine'")
    assert str(caught.value).startswith("model family 'mine'")
    assert message in str(caught.value)
