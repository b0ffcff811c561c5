"""L2-SP: cross-entropy + α/2·‖w − w0‖² over pretrained tensors + β/2·‖w‖² over new ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from stabbench.strategies.l2_sp import L2SP, L2SPOptions
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.reference import check_equal, train_plainly


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
def test_training_equals_plain_training_with_this_penalty(kind: str) -> None:
    inputs = tiny.inputs(kind, strategies=((L2SP(), L2SPOptions(alpha=0.2, beta=0.7)),), dropout=0.0, **L2SP.recipe)
    (result,) = train(inputs, tiny.seeds(2))

    def penalty(model: PreTrainedModel) -> Tensor:
        parts = dict(model.named_parameters())
        shared = sum(((parts[name] - start) ** 2).sum() for name, start in inputs.pretrained.items())
        new = sum((parts[name] ** 2).sum() for name in parts.keys() - inputs.pretrained.keys())
        return 0.2 / 2 * torch.as_tensor(shared) + 0.7 / 2 * torch.as_tensor(new)

    check_equal(result, *train_plainly(inputs, 2, penalty=penalty))


def test_weight_decay_is_off_whatever_the_recipe_says_and_the_record_shows_it() -> None:
    inputs = tiny.inputs(strategies=((L2SP(), L2SPOptions()),), weight_decay=0.5, epochs=1.0)
    (result,) = train(inputs, tiny.seeds(1))
    assert {group["weight_decay"] for group in result.data["parameter_groups"]} == {0.0}


def test_words_that_no_text_uses_add_nothing_and_stay_where_they_were() -> None:
    class Whole(L2SP):
        needs_whole_vocabulary = True

    name = "bert.embeddings.word_embeddings.weight"
    (cut,), (whole,) = (
        train(tiny.inputs(strategies=((strategy(), L2SPOptions()),), weight_decay=0.5), tiny.seeds(1))
        for strategy in (L2SP, Whole)
    )
    start = tiny.inputs().pretrained[name]
    for result in (cut, whole):
        assert torch.equal(result.weights[name][:5], start[:5])
    torch.testing.assert_close(cut.weights[name], whole.weights[name], rtol=0, atol=1e-12)
    losses, others = (result.tables["history.parquet"]["train_loss"] for result in (cut, whole))
    assert float((losses - others).abs().max()) < 1e-12


@pytest.mark.parametrize("options", [{"alpha": -0.1}, {"beta": float("inf")}])
def test_weights_of_the_penalty_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))}: found"):
        L2SPOptions(**options)
