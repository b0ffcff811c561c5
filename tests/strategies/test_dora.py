"""DoRA as Liu et al. define it, and as PEFT computes it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, inject_adapter_in_model

from stabbench.strategies.dora import DoRA
from stabbench.strategies.lora import LoRA, LoRAOptions
from stabbench.training.loop import Training, train
from tests import tiny
from tests.strategies.first_batch import FirstBatch, context, trained

OPTIONS = LoRAOptions(rank=3, alpha=12.0)
STRATEGIES = ((DoRA(), OPTIONS),)
QUERY = "bert.encoder.layer.1.attention.self.query"


def test_a_matrix_and_its_gradients_are_pefts() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Sequential(torch.nn.Linear(7, 5, bias=False)).double()
    matrix = next(linear.parameters()).detach().clone()
    config = LoraConfig(r=3, lora_alpha=12, target_modules=["0"], use_dora=True, lora_dropout=0.0)
    model = inject_adapter_in_model(config, linear).double()
    theirs = {name: parameter for name, parameter in model.named_parameters() if "lora" in name}
    with torch.no_grad():
        for parameter in theirs.values():
            parameter.add_(torch.randn_like(parameter) / 5)
    texts, wanted = torch.randn(11, 7).double(), torch.randn(11, 5).double()
    expected = model(texts)
    slopes = torch.autograd.grad(F.mse_loss(expected, wanted), list(theirs.values()))
    leaves = {"0.lora_A": "0.lora_A.default.weight", "0.lora_B": "0.lora_B.default.weight"}
    leaves["0.lora_magnitude"] = next(name for name in theirs if "magnitude" in name)
    ours = {name: theirs[other].detach()[None].requires_grad_() for name, other in leaves.items()}
    weights = DoRA().training_weights({"0.weight": matrix[None], **ours}, context("bert", DoRA(), OPTIONS))
    assert weights.keys() == {"0.weight"}
    found = texts @ weights["0.weight"][0].T
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    own = torch.autograd.grad(F.mse_loss(found, wanted), list(ours.values()))
    by_name = dict(zip(theirs, slopes, strict=True))
    for other, slope in zip(leaves.values(), own, strict=True):
        torch.testing.assert_close(slope[0], by_name[other], rtol=0, atol=1e-12)


def test_it_starts_at_the_pretrained_function_to_rounding() -> None:
    training = Training(tiny.inputs(strategies=STRATEGIES), tiny.seeds(1, 2), torch.device("cpu"))
    state = training.start()
    assert state.weights[f"{QUERY}.lora_magnitude"].shape == (2, 32)
    scored = training.scored(state)
    assert scored.keys() == tiny.inputs().architecture.shapes().keys()
    for name, tensor in scored.items():
        torch.testing.assert_close(tensor, state.weights[name], rtol=0, atol=1e-15)


@pytest.mark.parametrize("kernel", ["on", "off"])
def test_the_final_rows_have_the_trained_lengths_and_the_directions_of_lora(
    kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STABBENCH_KERNEL", kernel)
    inputs = tiny.inputs(strategies=STRATEGIES)
    result, weights, _ = trained(inputs)
    down, up, lengths = (weights[-1][f"{QUERY}.lora_{leaf}"][0] for leaf in ("A", "B", "magnitude"))
    changed = inputs.pretrained[f"{QUERY}.weight"] + 4.0 * up @ down
    expected = lengths[:, None] * changed / changed.norm(dim=1, keepdim=True)
    torch.testing.assert_close(result.weights[f"{QUERY}.weight"], expected, rtol=0, atol=1e-12)
    assert (lengths - weights[0][f"{QUERY}.lora_magnitude"][0]).abs().max() > 1e-3
    frozen = "bert.encoder.layer.1.output.dense.weight"
    assert torch.equal(result.weights[frozen], inputs.pretrained[frozen])


def test_the_first_gradient_is_that_of_direction_and_magnitude() -> None:
    inputs = tiny.inputs(strategies=STRATEGIES, dropout=0.0, batch_size=7, epochs=1.0)
    down = Training(inputs, tiny.seeds(1), torch.device("cpu")).start().weights[f"{QUERY}.lora_A"][0].detach()
    (result,) = train(inputs, tiny.seeds(1))
    batch = FirstBatch("bert", inputs, 1)
    matrix = dict(batch.model.named_parameters())[f"{QUERY}.weight"]
    (slope,) = torch.autograd.grad(F.cross_entropy(batch.logits(), batch.labels), matrix)
    table = result.tables["gradnorms.parquet"].query("step == 0")
    found = dict(zip(table["parameter"], table["norm"], strict=True))
    assert abs(found[f"{QUERY}.lora_B"] - float((4.0 * slope @ down.T).norm())) < 1e-10
    along = (slope * matrix).sum(dim=1) / matrix.norm(dim=1)
    assert abs(found[f"{QUERY}.lora_magnitude"] - float(along.norm())) < 1e-10


def test_it_is_not_lora() -> None:
    plain, ours = (
        train(tiny.inputs(strategies=((strategy, OPTIONS),)), tiny.seeds(1))[0].weights[f"{QUERY}.weight"]
        for strategy in (LoRA(), DoRA())
    )
    assert (plain - ours).abs().max() > 1e-4
