"""BitFit as Ben Zaken et al. define it, and LN-tuning as PEFT has it: what is trained, and that nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from stabbench.strategies.bitfit import BitFit, LayerNormTuning
from stabbench.strategies.contract import NoOptions, Strategy
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import trained
from tests.strategies.reference import check_equal, model_at_the_start, train_plainly

KINDS = ("bert", "roberta", "albert")


def of_layer_norms(model: PreTrainedModel) -> set[str]:
    """The parameters of all modules that are torch's LayerNorm."""
    return {
        f"{name}.{parameter}"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.LayerNorm)
        for parameter, _ in module.named_parameters()
    }


def chosen(strategy: type[Strategy], kind: str) -> set[str]:
    """What is to be trained of a model, by Hugging Face's modules."""
    model = tiny.hugging_face_model(kind)
    names = {name for name, _ in model.named_parameters()}
    kept = {name for name in names if name.endswith("bias")} if strategy is BitFit else of_layer_norms(model)
    return kept | (names - tiny.pretrained(model).keys())


@pytest.mark.parametrize("kind", [*KINDS, "distilbert", "electra", "mpnet", "deberta-v2"])
@pytest.mark.parametrize("strategy", [BitFit, LayerNormTuning])
def test_that_alone_is_trained_and_all_of_it(strategy: type[Strategy], kind: str) -> None:
    inputs = tiny.inputs(kind, strategies=((strategy(), NoOptions()),), epochs=1.0, weight_decay=0.1)
    _, weights, _ = trained(inputs)
    changed = {name for name, before in weights[0].items() if not torch.equal(before, weights[-1][name])}
    untrained = {name for name in chosen(strategy, kind) - changed if name.endswith("key.bias")}
    assert changed | untrained == chosen(strategy, kind)
    assert len(changed) < len(weights[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", [BitFit, LayerNormTuning])
def test_training_equals_plain_training_of_these_tensors(strategy: type[Strategy], kind: str) -> None:
    own: dict[str, Any] = {**strategy.recipe, "epochs": 3.0, "learning_rate": 1e-2, "max_grad_norm": None}
    inputs = tiny.inputs(kind, strategies=((strategy(), NoOptions()),), dropout=0.0, weight_decay=0.5, **own)
    (result,) = train(inputs, tiny.seeds(2))
    model = model_at_the_start(inputs, 2)
    names = chosen(strategy, kind)
    check_equal(result, *train_plainly(inputs, 2, model=model, factor=lambda name: float(name in names)))


def test_what_is_frozen_counts_for_nothing_in_the_clipped_norm() -> None:
    (result,) = train(tiny.inputs(strategies=((BitFit(), NoOptions()),), epochs=1.0), tiny.seeds(1))
    table = result.tables["gradnorms.parquet"].query("step == 0")
    frozen = table[~table["parameter"].isin(chosen(BitFit, "bert"))]
    assert (frozen["norm"] == 0).all()
    total = float((table["norm"] ** 2).sum() ** 0.5)
    assert result.tables["history.parquet"]["gradient_norm"][0] == pytest.approx(total, abs=1e-12)


def test_a_model_without_biases_is_refused_by_bitfit_alone() -> None:
    architecture = tiny.inputs("modernbert").architecture
    assert "no biases" in str(BitFit().unsupported(architecture, NoOptions()))
    assert LayerNormTuning().unsupported(architecture, NoOptions()) is None


@pytest.mark.parametrize("strategy", [BitFit, LayerNormTuning])
def test_the_rate_is_the_methods_own(strategy: type[Strategy]) -> None:
    assert strategy.recipe == {"epochs": 16.0, "learning_rate": 1e-3, "bias_correction": True}
