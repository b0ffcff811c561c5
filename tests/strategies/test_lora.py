"""LoRA as Hu et al. define it (PROTOCOL, section 4)."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F

from stabbench.errors import UserError
from stabbench.strategies.lora import LoRA, LoRAOptions
from stabbench.training.loop import Training, train
from tests import tiny
from tests.strategies.first_batch import FirstBatch, trained

STRATEGIES = ((LoRA(), LoRAOptions()),)
QUERY = {
    "bert": "bert.encoder.layer.1.attention.self.query",
    "roberta": "roberta.encoder.layer.1.attention.self.query",
    "albert": "albert.encoder.albert_layer_groups.0.albert_layers.0.attention.query",
}


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
def test_the_final_weights_are_the_pretrained_ones_and_the_scaled_product(kind: str) -> None:
    options = LoRAOptions(rank=3, alpha=12.0)
    inputs = tiny.inputs(kind, strategies=((LoRA(), options),))
    result, weights, _ = trained(inputs)
    assert result.weights.keys() == inputs.architecture.shapes().keys()
    for name, value in inputs.pretrained.items():
        expected = value
        if name.endswith(("query.weight", "value.weight")):
            module = name.removesuffix("weight")
            down, up = weights[-1][f"{module}lora_A"][0], weights[-1][f"{module}lora_B"][0]
            assert (down.shape, up.shape) == ((3, 32), (32, 3))
            expected = value + 4.0 * up @ down
            assert torch.linalg.matrix_rank(result.weights[name] - value, atol=1e-10) == 3
        torch.testing.assert_close(result.weights[name], expected, rtol=0, atol=1e-12)
    new = result.weights.keys() - inputs.pretrained.keys()
    assert all(not torch.equal(result.weights[name], weights[0][name][0]) for name in new)


def test_it_starts_at_the_pretrained_function() -> None:
    training = Training(tiny.inputs(strategies=STRATEGIES), tiny.seeds(1, 2), torch.device("cpu"))
    state = training.start()
    down, up = state.weights[f"{QUERY['bert']}.lora_A"], state.weights[f"{QUERY['bert']}.lora_B"]
    assert not up.any()
    assert not torch.equal(down[0], down[1])
    assert 0.9 * 32**-0.5 < down.abs().max() <= 32**-0.5
    scored = training.scored(state)
    assert all(torch.equal(scored[name], state.weights[name]) for name in scored)


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
def test_the_first_gradient_is_that_of_the_product_and_of_the_head(kind: str) -> None:
    inputs = tiny.inputs(kind, strategies=STRATEGIES, dropout=0.0, batch_size=7)
    training = Training(inputs, tiny.seeds(1), torch.device("cpu"))
    down = training.start().weights[f"{QUERY[kind]}.lora_A"][0].detach()
    (result,) = train(inputs, tiny.seeds(1))
    batch = FirstBatch(kind, inputs, 1)
    loss = F.cross_entropy(batch.logits(), batch.labels)
    parameters = dict(batch.model.named_parameters())
    (slope,) = torch.autograd.grad(loss, parameters[f"{QUERY[kind]}.weight"], retain_graph=True)
    wanted = batch.norms(loss)
    table = result.tables["gradnorms.parquet"].query("step == 0")
    found = dict(zip(table["parameter"], table["norm"], strict=True))
    assert abs(found[f"{QUERY[kind]}.lora_B"] - float((2.0 * slope @ down.T).norm())) < 1e-10
    for name, norm in found.items():
        if name.endswith("lora_A") or name in inputs.pretrained:
            assert norm == 0
        elif not name.endswith("lora_B"):
            assert abs(norm - wanted[name]) < 1e-10


def test_its_record_tells_what_is_frozen_and_what_is_trained() -> None:
    inputs = tiny.inputs(strategies=STRATEGIES, epochs=1.0)
    groups = train(inputs, tiny.seeds(1))[0].data["parameter_groups"]
    frozen = {name for group in groups if group["learning_rate"] == 0 for name in group["tensors"]}
    assert frozen == inputs.pretrained.keys()
    decaying = {name for group in groups if group["weight_decay"] > 0 for name in group["tensors"]}
    assert {f"{QUERY['bert']}.lora_A", f"{QUERY['bert']}.lora_B", "classifier.weight"} <= decaying


def test_other_matrices_can_be_named_and_a_pattern_that_fits_none_is_an_error() -> None:
    chosen = LoRAOptions(include=("*.intermediate.dense.weight",))
    state = Training(tiny.inputs(strategies=((LoRA(), chosen),)), tiny.seeds(1), torch.device("cpu")).start()
    added = {name for name in state.weights if name.endswith("lora_A")}
    assert added == {f"bert.encoder.layer.{layer}.intermediate.dense.lora_A" for layer in range(3)}
    nothing = LoRAOptions(include=("*.nothing",))
    inputs = tiny.inputs(strategies=((LoRA(), nothing),))
    expected = (
        r"`include`: found \*\.nothing, expected patterns that fit .*, such as bert\.encoder\.layer\.0\..*\.query"
    )
    assert re.match(expected, str(LoRA().unsupported(inputs.architecture, nothing)))
    assert LoRA().unsupported(inputs.architecture, chosen) is None
    with pytest.raises(UserError, match=expected):
        train(inputs, tiny.seeds(1))


def test_the_defaults_are_the_protocols() -> None:
    assert (LoRAOptions().rank, LoRAOptions().alpha) == (8, 16.0)
    for name in ("rank", "alpha"):
        with pytest.raises(ValueError, match=name):
            LoRAOptions(**{name: 0})  # type: ignore[arg-type]
