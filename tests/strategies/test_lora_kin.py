"""rsLoRA, LoRA+ and LoRA with B drawn in A's place, beside LoRA itself."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from stabbench.strategies.lora import LoRA, LoRAOptions
from stabbench.strategies.lora_kin import LoRAInitB, LoRAPlus, LoRAPlusOptions, RankStabilisedLoRA
from stabbench.training.loop import Training, train
from tests import tiny
from tests.strategies.first_batch import FirstBatch, trained

QUERY = "bert.encoder.layer.1.attention.self.query"


def digest(strategy: LoRA, options: LoRAOptions) -> str:
    (result,) = train(tiny.inputs(strategies=((strategy, options),), epochs=2.0), tiny.seeds(1))
    found: str = result.data["result_digest"]
    return found


def test_the_rank_stabilised_factor_is_alpha_over_the_root_of_the_rank() -> None:
    ours = digest(RankStabilisedLoRA(), LoRAOptions(rank=4, alpha=8.0))
    assert ours == digest(LoRA(), LoRAOptions(rank=4, alpha=16.0))
    assert ours != digest(LoRA(), LoRAOptions(rank=4, alpha=8.0))


@pytest.mark.parametrize("rank", [2, 3])
def test_its_final_weights_are_the_pretrained_ones_and_the_product_so_scaled(rank: int) -> None:
    inputs = tiny.inputs(strategies=((RankStabilisedLoRA(), LoRAOptions(rank=rank, alpha=12.0)),), epochs=1.0)
    result, weights, _ = trained(inputs)
    down, up = (weights[-1][f"{QUERY}.{leaf}"][0] for leaf in ("lora_A", "lora_B"))
    expected = inputs.pretrained[f"{QUERY}.weight"] + 12.0 / math.sqrt(rank) * up @ down
    torch.testing.assert_close(result.weights[f"{QUERY}.weight"], expected, rtol=0, atol=1e-12)


def test_with_a_ratio_of_1_lora_plus_is_lora_and_by_default_it_is_not() -> None:
    plain = digest(LoRA(), LoRAOptions())
    assert digest(LoRAPlus(), LoRAPlusOptions(ratio=1.0)) == plain
    assert digest(LoRAPlus(), LoRAPlusOptions()) != plain


@pytest.mark.parametrize("kernel", ["on", "off"])
def test_b_alone_goes_at_a_rate_that_is_ratio_times_as_large(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABBENCH_KERNEL", kernel)
    inputs = tiny.inputs(strategies=((LoRAPlus(), LoRAPlusOptions(ratio=5.0)),), weight_decay=0.0, epochs=1.0)
    _, weights, states = trained(inputs)
    update, total = 3, len(states)
    rate = inputs.recipe.learning_rate * (total - update) / total
    correction = math.sqrt(1 - 0.999 ** (update + 1)) / (1 - 0.9 ** (update + 1))
    factors = {f"{QUERY}.lora_A": 1.0, f"{QUERY}.lora_B": 5.0, "classifier.weight": 1.0, "classifier.bias": 1.0}
    for name, factor in factors.items():
        first, second = states[update].moments[name].values()
        change = factor * rate * correction * first / (second.sqrt() + inputs.recipe.adam_epsilon)
        torch.testing.assert_close(weights[update + 1][name], weights[update][name] - change, rtol=0, atol=1e-13)


def test_the_record_tells_both_rates() -> None:
    inputs = tiny.inputs(strategies=((LoRAPlus(), LoRAPlusOptions()),), epochs=1.0)
    groups = train(inputs, tiny.seeds(1))[0].data["parameter_groups"]
    rates = {name: group["learning_rate"] for group in groups for name in group["tensors"]}
    assert rates[f"{QUERY}.lora_B"] == 16 * rates[f"{QUERY}.lora_A"] == pytest.approx(16 * 3e-3)
    assert {name for name, rate in rates.items() if rate == 0} == inputs.pretrained.keys()


def test_init_b_starts_at_the_pretrained_function_with_a_of_0() -> None:
    strategies = ((LoRAInitB(), LoRAOptions(rank=4)),)
    training = Training(tiny.inputs(strategies=strategies), tiny.seeds(1, 2), torch.device("cpu"))
    state = training.start()
    down, up = state.weights[f"{QUERY}.lora_A"], state.weights[f"{QUERY}.lora_B"]
    assert (down.shape, up.shape) == ((2, 4, 32), (2, 32, 4))
    assert not down.any()
    assert not torch.equal(up[0], up[1])
    assert 0.9 / 2 < up.abs().max() <= 1 / 2
    scored = training.scored(state)
    assert all(torch.equal(scored[name], state.weights[name]) for name in scored)


def test_its_first_gradient_is_that_of_the_product() -> None:
    inputs = tiny.inputs(strategies=((LoRAInitB(), LoRAOptions()),), dropout=0.0, batch_size=7, epochs=1.0)
    up = Training(inputs, tiny.seeds(1), torch.device("cpu")).start().weights[f"{QUERY}.lora_B"][0].detach()
    (result,) = train(inputs, tiny.seeds(1))
    batch = FirstBatch("bert", inputs, 1)
    loss = F.cross_entropy(batch.logits(), batch.labels)
    (slope,) = torch.autograd.grad(loss, dict(batch.model.named_parameters())[f"{QUERY}.weight"])
    table = result.tables["gradnorms.parquet"].query("step == 0")
    found = dict(zip(table["parameter"], table["norm"], strict=True))
    assert abs(found[f"{QUERY}.lora_A"] - float((2.0 * up.T @ slope).norm())) < 1e-10
    assert found[f"{QUERY}.lora_B"] == 0


@pytest.mark.parametrize("strategy", [LoRA, RankStabilisedLoRA, LoRAInitB])
def test_a_star_takes_all_linear_layers_with_a_pretrained_value(strategy: type[LoRA]) -> None:
    inputs = tiny.inputs(strategies=((strategy(), LoRAOptions(rank=2, include=("*",))),), epochs=1.0)
    result, weights, _ = trained(inputs)
    model = tiny.hugging_face_model("bert")
    linear = {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)} - {"classifier"}
    assert {name.removesuffix(".lora_A") for name in weights[0] if name.endswith("lora_A")} == linear
    for name in linear:
        change = result.weights[f"{name}.weight"] - inputs.pretrained[f"{name}.weight"]
        assert torch.linalg.matrix_rank(change, atol=1e-10) == 2, name


def test_a_ratio_out_of_range_is_refused_and_loras_options_are_checked_too() -> None:
    with pytest.raises(ValueError, match="ratio"):
        LoRAPlusOptions(ratio=0.0)
    with pytest.raises(ValueError, match="rank"):
        LoRAPlusOptions(rank=0)
