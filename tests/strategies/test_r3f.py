"""R3F as Aghajanyan et al. define it (PROTOCOL, section 4)."""

from __future__ import annotations

import pytest
import torch.nn.functional as F
from torch import Tensor

from stabbench.strategies.r3f import R3F, R3FOptions
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.first_batch import FirstBatch, check_loss

LARGE = R3FOptions(epsilon=2.0, weight=30.0)


def divergences(first: Tensor, second: Tensor) -> Tensor:
    """KL(first‖second) + KL(second‖first), the mean over the examples."""
    p, q = F.log_softmax(first, dim=-1), F.log_softmax(second, dim=-1)
    return F.kl_div(q, p, log_target=True, reduction="batchmean") + F.kl_div(
        p, q, log_target=True, reduction="batchmean"
    )


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
def test_the_loss_is_cross_entropy_and_the_symmetric_divergence_under_uniform_noise(kind: str) -> None:
    def expected(batch: FirstBatch) -> Tensor:
        noise = [LARGE.epsilon * (2 * draws - 1) for draws in batch.noise("uniform", "noise")]
        clean, noisy = batch.logits(), batch.logits(noise)
        assert divergences(noisy, clean) > 1e-5
        return F.cross_entropy(clean, batch.labels) + LARGE.weight * divergences(noisy, clean)

    check_loss(kind, R3F(), LARGE, expected)


def test_each_forward_pass_has_dropout_masks_of_its_own() -> None:
    """Noise of 1e-9 changes next to nothing by itself, so what diverges under dropout are the masks."""
    options = R3FOptions(epsilon=1e-9, weight=100.0)
    plain, smoothed = (
        train(tiny.inputs(strategies=strategies, epochs=1.0, dropout=0.3), tiny.seeds(1))[0]
        for strategies in ((), ((R3F(), options),))
    )
    first, second = (float(result.tables["history.parquet"]["train_loss"][0]) for result in (plain, smoothed))
    assert second > first + 0.1


def test_a_run_counts_both_forward_passes_as_its_cost() -> None:
    plain, smoothed = (
        train(tiny.inputs(strategies=strategies, epochs=1.0), tiny.seeds(1))[0].data["cost"]
        for strategies in ((), ((R3F(), R3FOptions()),))
    )
    assert smoothed["tokens"] == 2 * plain["tokens"]
    assert smoothed["flops"] == pytest.approx(2 * plain["flops"])


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="epsilon"):
        R3FOptions(epsilon=0.0)
    with pytest.raises(ValueError, match="weight"):
        R3FOptions(weight=-1.0)


def test_the_defaults_are_the_protocols() -> None:
    assert R3FOptions() == R3FOptions(epsilon=1e-5, weight=1.0)
