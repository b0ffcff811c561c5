"""Attention without padding is given the right examples, whichever kernel computes it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.attention import varlen

from stabbench.models import encoder as encoders
from stabbench.models import variable_length
from stabbench.models.batch import make_batch
from stabbench.models.encoder import Encoder
from tests import tiny

CPU = torch.device("cpu")


def example_by_example(
    queries: Tensor, keys: Tensor, values: Tensor, ends_q: Tensor, ends_k: Tensor, most_q: int, most_k: int
) -> Tensor:
    """Attention as `varlen_attn` defines it, in any type on any device."""
    assert ends_q.dtype == ends_k.dtype == torch.int32
    assert (int(ends_q[-1]), int(ends_k[-1])) == (len(queries), len(keys))
    found = []
    for (first, last), (begin, end) in zip(
        *(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True) for ends in (ends_q, ends_k)), strict=True
    ):
        assert last - first <= most_q
        assert end - begin <= most_k
        q, k, v = (part.transpose(0, 1) for part in (queries[first:last], keys[begin:end], values[begin:end]))
        if last > first:
            scores = torch.softmax(q @ k.transpose(1, 2) / queries.shape[-1] ** 0.5, dim=-1)
            found.append((scores @ v).transpose(0, 1))
    return torch.cat(found)


def test_the_kernel_is_asked_for_the_same_attention_as_the_buckets_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [tiny.hugging_face_model("bert", seed=seed) for seed in range(3)]
    stacked = [tiny.stacked(model) for model in models]
    weights = {name: torch.cat([one[name] for one in stacked]).requires_grad_() for name in stacked[0]}
    chosen = np.random.default_rng(0).integers(0, 40, (3, 7))
    batch = make_batch(tiny.texts(40, seed=5, longest=50), list(chosen), torch.float64, CPU)
    assert len(set(batch.tokens)) == 3, "the case has no rows after the last example"
    encoder = Encoder(tiny.architecture(models[0]))
    by_bucket = encoder.classify(weights, batch)
    expected = torch.autograd.grad(by_bucket.square().sum(), list(weights.values()))
    monkeypatch.setattr(encoders, "usable", lambda *facts: True)
    monkeypatch.setattr(varlen, "varlen_attn", example_by_example)
    logits = encoder.classify(weights, batch)
    found = torch.autograd.grad(logits.square().sum(), list(weights.values()))
    torch.testing.assert_close(logits, by_bucket, rtol=0, atol=1e-12)
    for name, ours, theirs in zip(weights, found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11, msg=name)


def test_the_flash_kernel_serves_bfloat16_on_cuda_alone() -> None:
    assert not variable_length.usable(CPU, torch.bfloat16, 64)
    assert not variable_length.usable(torch.device("cuda"), None, 64)
    assert not variable_length.usable(torch.device("cuda"), torch.bfloat16, 12)
