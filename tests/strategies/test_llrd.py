"""Layer-wise learning-rate decay: lr·ξ^k for the k-th layer from above."""

from __future__ import annotations

import re

import pytest
import torch

from stabbench.strategies.llrd import LayerwiseDecay, LayerwiseDecayOptions
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.reference import check_equal, train_plainly

LAYERS = 3


def exponent(name: str) -> int:
    """The number of steps down to a tensor: 0 for the head, 1 for the top layer, L + 1 for the embeddings."""
    layer = re.search(r"\.layer\.(\d+)\.", name)
    if layer is not None:
        return LAYERS - int(layer[1])
    return LAYERS + 1 if ".embeddings." in name else 0


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_training_equals_plain_training_with_these_rates(kind: str) -> None:
    strategies = ((LayerwiseDecay(), LayerwiseDecayOptions(factor=0.5)),)
    inputs = tiny.inputs(kind, strategies=strategies, dropout=0.0, weight_decay=0.5, **LayerwiseDecay.recipe)
    (result,) = train(inputs, tiny.seeds(2))
    check_equal(result, *train_plainly(inputs, 2, factor=lambda name: 0.5 ** exponent(name)))


def test_the_record_holds_every_groups_rate() -> None:
    inputs = tiny.inputs(strategies=((LayerwiseDecay(), LayerwiseDecayOptions()),), epochs=1.0)
    (result,) = train(inputs, tiny.seeds(1))
    for group in result.data["parameter_groups"]:
        for name in group["tensors"]:
            assert group["learning_rate"] == pytest.approx(3e-3 * 0.95 ** exponent(name))


def test_words_that_no_text_uses_decay_at_the_embeddings_rate() -> None:
    class Whole(LayerwiseDecay):
        needs_whole_vocabulary = True

    options = LayerwiseDecayOptions(factor=0.5)
    results = [
        train(tiny.inputs(strategies=((strategy(), options),), weight_decay=2.0), tiny.seeds(1))
        for strategy in (LayerwiseDecay, Whole)
    ]
    name = "bert.embeddings.word_embeddings.weight"
    cut, whole = (result.weights[name] for (result,) in results)
    assert not torch.equal(cut[0], tiny.inputs().pretrained[name][0])
    torch.testing.assert_close(cut, whole, rtol=0, atol=1e-12)


def test_shared_layers_are_not_supported_and_the_reason_is_said() -> None:
    reason = LayerwiseDecay().unsupported(tiny.inputs("albert").architecture, LayerwiseDecay.Options())
    assert "share their weights" in str(reason)


@pytest.mark.parametrize("factor", [0.0, 1.1])
def test_a_factor_out_of_range_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="above 0, at most 1"):
        LayerwiseDecayOptions(factor)
