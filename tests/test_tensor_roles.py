"""What a plan says of a model's tensors, and what it makes of those that a strategy adds."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from stabbench.models.architecture import Architecture, TensorFacts
from stabbench.models.families import architecture_of
from stabbench.models.roles import roles_of
from stabbench.plan_migrations import by_name
from stabbench.tensor_roles import ADDED, NUMBER, Role, TensorRoles
from tests import tiny


def planned(name: str, layers: int = 2) -> TensorRoles:
    return roles_of(architecture_of(tiny.hugging_face_model(name, layers=layers).config.to_dict(), 2))


@pytest.mark.parametrize("name", ["bert", "roberta", "albert"])
@pytest.mark.parametrize("layers", [1, 2, 12])
def test_older_plans_are_read_as_those_of_today_are_written(name: str, layers: int) -> None:
    assert by_name(name) == planned(name, layers)


@pytest.mark.parametrize("name", tiny.NATIVE)
def test_every_tensor_has_the_role_that_its_facts_say(name: str) -> None:
    architecture = architecture_of(tiny.hugging_face_model(name, layers=3).config.to_dict(), 2)
    roles = planned(name, 3)
    for tensor, fact in architecture.facts().items():
        role = roles.of(tensor)
        assert (role.kind, role.decays, role.part) == (fact.kind, fact.decays, fact.part), tensor
        if 0 < fact.depth <= 3:
            assert role.layer == ("shared layer" if name == "albert" else f"layer {fact.depth}"), tensor
        else:
            assert role.layer in (("embeddings",) if fact.depth == 0 else ("pooler", "classifier")), tensor


@pytest.mark.parametrize(
    ("name", "tensor", "layer"),
    [
        ("bert", "bert.encoder.layer.1.attention.self.query.lora_A", "layer 2"),
        ("bert", "bert.encoder.layer.0.adapter.down.weight", "layer 1"),
        ("bert", "bert.embeddings.word_embeddings.lora_A", "embeddings"),
        ("albert", "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.lora_A", "shared layer"),
        ("roberta", "classifier.dense.lora_B", "pooler"),
        ("roberta", "classifier.temperature", "other"),
        ("distilbert", "distilbert.transformer.layer.1.attention.q_lin.lora_A", "layer 2"),
        ("bert", "bert.encoder.temperature", "other"),
        ("bert", "temperature", "other"),
    ],
)
def test_a_tensor_that_a_strategy_adds_is_in_the_layer_whose_module_it_lies_in(
    name: str, tensor: str, layer: str
) -> None:
    assert planned(name).of(tensor) == Role(ADDED, layer, decays=True)


def test_of_what_a_strategy_adds_biases_alone_do_not_decay() -> None:
    assert not planned("bert").of("bert.encoder.layer.1.adapter.down.bias").decays
    assert planned("bert").of("bert.encoder.layer.1.adapter.LayerNorm.weight").decays


def test_the_tensors_of_all_layers_are_one_line_and_those_that_differ_stand_apart() -> None:
    facts = {
        f"m.layer.{number}.dense.weight": TensorFacts("attention", number + 1, number != 1, linear_weight=True)
        for number in range(4)
    }
    architecture = Mock(spec=Architecture, layers=4, shares_layers=False, **{"facts.return_value": facts})
    roles = roles_of(architecture)
    assert sorted(roles) == [f"m.layer.{NUMBER}.dense.weight", "m.layer.1.dense.weight"]
    assert [roles.of(name).decays for name in facts] == [True, False, True, True]
    assert [roles.of(name).layer for name in facts] == ["layer 1", "layer 2", "layer 3", "layer 4"]
