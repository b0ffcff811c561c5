"""Re-init, and what Zhang et al. recommend: pooler and top layers begin anew."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from stabbench.models.weights import initial_weights
from stabbench.randomness import Draws
from stabbench.strategies.mosbach import Mosbach
from stabbench.strategies.reinit import ReInit, ReInitOptions
from stabbench.strategies.zhang import Zhang
from stabbench.training.loop import Training, train
from tests import tiny
from tests.strategies.reference import check_equal, model_at_the_start, train_plainly

CPU = torch.device("cpu")


def begun(kind: str, layers: int, *seeds: int, strategy: type[ReInit] = ReInit) -> dict[str, Tensor]:
    """Weights of all runs before the first update."""
    inputs = tiny.inputs(kind, strategies=((strategy(), ReInitOptions(layers)),))
    return Training(inputs, tiny.seeds(*seeds), CPU).start().weights


def plain(kind: str, seed: int) -> dict[str, Tensor]:
    inputs = tiny.inputs(kind)
    return initial_weights(inputs.pretrained, inputs.architecture, seed, torch.float64)


def expected(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    """BERT's own beginning, drawn from the run's `strategy` stream."""
    if name.endswith(".bias"):
        return torch.zeros(shape, dtype=torch.float64)
    if "LayerNorm" in name:
        return torch.ones(shape, dtype=torch.float64)
    return torch.from_numpy(0.02 * Draws(seed, "strategy").normal("0:" + name, shape))


@pytest.mark.parametrize("strategy", [ReInit, Zhang])
def test_pooler_and_top_layers_begin_anew_and_nothing_else(strategy: type[ReInit]) -> None:
    weights, before = begun("bert", 2, 4, strategy=strategy), plain("bert", 4)
    anew = ("bert.encoder.layer.1.", "bert.encoder.layer.2.", "bert.pooler.")
    assert sum(name.startswith(anew) for name in before) == 2 * 16 + 2
    for name, tensor in before.items():
        if name.startswith(anew):
            assert torch.equal(weights[name][0], expected(name, tuple(tensor.shape), 4)), name
        elif name != "bert.embeddings.word_embeddings.weight":
            assert torch.equal(weights[name][0], tensor), name


def test_new_matrices_have_the_standard_deviation_of_bert() -> None:
    weights = begun("bert", 3, 1)
    matrices = [weights[name] for name in weights if "encoder" in name and name.endswith("dense.weight")]
    entries = torch.cat([matrix.detach().flatten() for matrix in matrices])
    assert abs(float(entries.std()) - 0.02) < 0.0005
    assert abs(float(entries.mean())) < 0.0005


def test_each_run_draws_its_own_which_its_companions_do_not_change() -> None:
    together, alone = begun("bert", 1, 1, 2), begun("bert", 1, 2)
    name = "bert.pooler.dense.weight"
    assert not torch.equal(together[name][0], together[name][1])
    assert torch.equal(together[name][1], alone[name][0])


def test_a_head_that_is_new_anyway_stays_as_the_head_stream_drew_it() -> None:
    weights, before = begun("roberta", 1, 1), plain("roberta", 1)
    for name in ("classifier.dense.weight", "classifier.out_proj.weight"):
        assert torch.equal(weights[name][0], before[name])
    assert not torch.equal(
        weights["roberta.encoder.layer.2.output.dense.weight"][0], before["roberta.encoder.layer.2.output.dense.weight"]
    )


@pytest.mark.parametrize(("layers", "lowest"), [(0, 3), (5, 0)])
def test_no_layer_or_all_of_a_smaller_model_begin_anew_but_never_the_embeddings(layers: int, lowest: int) -> None:
    weights, before = begun("bert", layers, 1), plain("bert", 1)
    for number in range(3):
        name = f"bert.encoder.layer.{number}.output.dense.weight"
        assert torch.equal(weights[name][0], before[name]) == (number < lowest)
    name = "bert.embeddings.position_embeddings.weight"
    assert torch.equal(weights[name][0], before[name])


def test_training_goes_on_from_there_as_plain_training_does() -> None:
    inputs = tiny.inputs(strategies=((ReInit(), ReInitOptions(1)),), dropout=0.0, **ReInit.recipe)
    (result,) = train(inputs, tiny.seeds(4))
    model = model_at_the_start(inputs, 4)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("bert.encoder.layer.2.", "bert.pooler.")):
                parameter.copy_(expected(name, tuple(parameter.shape), 4))
    check_equal(result, *train_plainly(inputs, 4, model=model))


def test_shared_layers_are_not_supported_and_the_reason_is_said() -> None:
    assert ReInit().unsupported(tiny.inputs("bert").architecture, ReInitOptions()) is None
    assert "share their weights" in str(ReInit().unsupported(tiny.inputs("albert").architecture, ReInitOptions()))


@pytest.mark.parametrize("layers", [-1, 1.5])
def test_a_number_of_layers_out_of_range_is_refused(layers: Any) -> None:
    with pytest.raises(ValueError, match="whole number of 0 or more"):
        ReInitOptions(layers)


def test_the_recommended_combination_differs_from_mosbach_in_the_layers_alone() -> None:
    assert Zhang.recipe == Mosbach.recipe
    assert ReInit.recipe == {"epochs": 3.0, "bias_correction": True}
    assert Zhang.Options() == ReInitOptions(layers=5)
