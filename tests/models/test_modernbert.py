"""ModernBERT equals transformers' own in fp64: logits, loss, gradients, windows, older configs, kept classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import ModernBertConfig, ModernBertForSequenceClassification

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch, TokenizedTexts, make_batch
from stabbench.models.dropout import Dropout
from stabbench.models.families import architecture_of, encoder_of
from stabbench.models.families.contract import Computation
from stabbench.models.kernel.library import library_for
from stabbench.models.modernbert_config import details_of
from stabbench.randomness import Draws
from stabbench.tasks.objectives.class_losses import cross_entropy
from tests import tiny

LABELS, WINDOW = 3, 4
SIZES = {
    "vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 24,
    "max_position_embeddings": 64, "pad_token_id": 0, "local_attention": 2 * WINDOW,
}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "published": {},
    "mean": {"classifier_pooling": "mean"},
    "biases": {"norm_bias": True, "attention_bias": True, "mlp_bias": True, "classifier_bias": True},
    "last layer global": {"layer_types": ["sliding_attention"] * 3 + ["full_attention"]},
    "activations": {"hidden_activation": "silu", "classifier_activation": "relu", "norm_eps": 1e-3},
}
every_variant = pytest.mark.parametrize("variant", VARIANTS)


def config(**fields: Any) -> ModernBertConfig:
    return ModernBertConfig(**{**SIZES, "num_labels": LABELS, **fields})


@cache
def model(variant: str, seed: int = 0) -> Any:
    """Transformers' classifier in fp64 with weights of noticeable size."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        make: Any = ModernBertForSequenceClassification
        found = make._from_config(config(**VARIANTS[variant]), attn_implementation="sdpa")
        for parameter in found.double().eval().parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.15)
    return found


def architecture(variant: str) -> Architecture:
    return architecture_of(model(variant).config.to_dict(), LABELS)


def computation(variant: str) -> Computation:
    return encoder_of(architecture(variant))


def weights(variant: str, *seeds: int) -> dict[str, Tensor]:
    return tiny.stacked_leaves([model(variant, seed) for seed in seeds or (0,)])


@cache
def texts() -> TokenizedTexts:
    """Of 3 to 40 tokens: far longer than the window."""
    lengths, rng = np.array([3, 40, 17, 5, 6, 33, 24, 9]), np.random.default_rng(3)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = rng.integers(3, 60, size=offsets[-1])
    return TokenizedTexts(ids, np.zeros_like(ids), offsets, rng.integers(0, LABELS, size=8), np.arange(8))


def batch_of(*chosen: Sequence[int]) -> Batch:
    return make_batch(texts(), [np.array(run) for run in chosen], torch.float64, torch.device("cpu"))


CHOSEN = [1, 0, 2, 4, 5]


def theirs(variant: str, chosen: Sequence[int] = CHOSEN) -> Any:
    inputs = tiny.padded(texts(), np.array(chosen), 0)
    del inputs["token_type_ids"]
    with tiny.InDoublePrecision():
        return model(variant)(
            **inputs, labels=torch.from_numpy(texts().labels[list(chosen)]), output_hidden_states=True
        )


@every_variant
def test_logits_loss_and_gradients_are_transformers(variant: str) -> None:
    own, batch = weights(variant), batch_of(CHOSEN)
    logits = computation(variant).classify(own, batch)
    loss = cross_entropy(logits, batch.labels)
    gradients = dict(zip(own, torch.autograd.grad(loss.sum(), list(own.values())), strict=True))
    expected = theirs(variant)
    assert expected.logits.abs().max() > 0.1
    torch.testing.assert_close(logits[0], expected.logits, rtol=0, atol=1e-10)
    torch.testing.assert_close(loss[0], expected.loss, rtol=0, atol=1e-10)
    named = dict(model(variant).named_parameters())
    found = torch.autograd.grad(expected.loss, list(named.values()))
    for name, gradient in zip(named, found, strict=True):
        torch.testing.assert_close(gradients[name][0], gradient, rtol=0, atol=1e-10, msg=name)


def test_a_window_matters() -> None:
    """So that the texts above reach beyond it."""
    wide = architecture_of(model("published").config.to_dict() | {"local_attention": 128}, LABELS)
    narrow, wider = (
        encoder.classify(weights("published"), batch_of(CHOSEN))
        for encoder in (computation("published"), encoder_of(wide))
    )
    assert (narrow - wider).abs().max() > 1e-3


@every_variant
def test_states_of_all_tokens_are_transformers(variant: str) -> None:
    found = computation(variant).hidden_states(weights(variant), batch_of(CHOSEN), first_only=False)
    mask = tiny.padded(texts(), np.array(CHOSEN), 0)["attention_mask"].bool()
    torch.testing.assert_close(found[0], theirs(variant).hidden_states[-1][mask], rtol=0, atol=1e-10)
    first = computation(variant).hidden_states(weights(variant), batch_of(CHOSEN), first_only=True)
    torch.testing.assert_close(first[0], theirs(variant).hidden_states[-1][:, 0], rtol=0, atol=1e-10)


@every_variant
@pytest.mark.parametrize("dropout", [None, 0.3], ids=["no dropout", "dropout"])
def test_runs_side_by_side_are_as_each_alone(variant: str, dropout: float | None) -> None:
    """Logits and gradients, with texts of other lengths beside them."""
    chosen, seeds = [[1, 0, 2], [5, 5, 3], [0, 7, 6]], (0, 1, 2)

    def of(*runs: int) -> tuple[Tensor, list[Tensor]]:
        own, batch = weights(variant, *(seeds[run] for run in runs)), batch_of(*(chosen[run] for run in runs))
        masks = None if dropout is None else Dropout(dropout, [Draws(run, "dropout") for run in runs], step=2)
        logits = computation(variant).classify(own, batch, masks)
        loss = cross_entropy(logits, batch.labels).sum()
        return logits, list(torch.autograd.grad(loss, list(own.values())))

    together, gradients = of(0, 1, 2)
    for run in range(3):
        alone, own = of(run)
        torch.testing.assert_close(together[run], alone[0], rtol=0, atol=1e-12)
        for found, expected in zip(gradients, own, strict=True):
            torch.testing.assert_close(found[run], expected[0], rtol=0, atol=1e-12)


@pytest.mark.skipif(library_for(torch.zeros(1, dtype=torch.float64)) is None, reason="there is no C compiler")
@every_variant
@pytest.mark.parametrize("trained", ["all", "last layer"])
def test_the_kernel_computes_the_same_with_the_dropout_of_each_place(
    variant: str, trained: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the layers below the last one want no gradient."""
    config = model(variant).config.to_dict() | {
        "embedding_dropout": 0.1, "attention_dropout": 0.2, "mlp_dropout": 0.3, "classifier_dropout": 0.4,
    }  # fmt: skip
    encoder, batch = encoder_of(architecture_of(config, LABELS)), batch_of(CHOSEN)
    own = weights(variant)
    if trained != "all":
        own = {name: tensor.detach() for name, tensor in own.items()}
        for name in own:
            own[name].requires_grad_(name.startswith(("model.layers.3.", "head.", "classifier.")))

    def found() -> list[Tensor]:
        logits = encoder.classify(own, batch, Dropout(None, [Draws(5, "dropout")], step=3))
        wanted = [tensor for tensor in own.values() if tensor.requires_grad]
        return [logits.detach(), *torch.autograd.grad(cross_entropy(logits, batch.labels).sum(), wanted)]

    ours = found()
    monkeypatch.setenv("STABBENCH_KERNEL", "off")
    theirs = found()
    assert not torch.equal(ours[0], theirs[0]), "both were computed by the same path"
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def full(config: dict[str, Any]) -> dict[str, Any]:
    """What transformers makes of a config.json."""
    make: Any = ModernBertConfig
    found: dict[str, Any] = make.from_dict(dict(config)).to_dict()
    return found


OLDER = {"global_attn_every_n_layers": 2, "global_rope_theta": 5000.0, "local_rope_theta": 70.0}


def test_a_config_from_before_transformers_5_is_read_as_transformers_reads_it() -> None:
    old = {**SIZES, "model_type": "modernbert", **OLDER}
    found = architecture_of(old, LABELS)
    assert found == architecture_of(full(old), LABELS)
    assert details_of(found).thetas == (5000.0, 70.0, 5000.0, 70.0)
    assert details_of(found).windows == (None, WINDOW, None, WINDOW)


def test_what_a_config_leaves_out_is_what_transformers_takes() -> None:
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads")
    least = {"model_type": "modernbert", **{name: SIZES[name] for name in names}}
    assert architecture_of(least, LABELS) == architecture_of(full(least), LABELS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"classifier_pooling": "max"}, "classifier_pooling in config.json 'max'"),
        ({"classifier_activation": "mish"}, "classifier_activation in config.json 'mish'"),
        ({"layer_types": ["linear_attention"] * 4}, "layer type in config.json 'linear_attention'"),
        ({"layer_types": ["full_attention"]}, "found 1 layer_types, expected one of each of the 4 layers"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "found rotations scaled by 'linear'"),
        ({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}, "found rotations scaled by 'yarn'"),
        ({"num_attention_heads": 5}, "found hidden_size 32, num_attention_heads 5"),
        ({"head_dim": 16}, "and head_dim 16, expected heads that share the hidden size"),
    ],
)
def test_what_is_not_computed_is_refused_in_a_sentence(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        architecture_of({**SIZES, "model_type": "modernbert", **fields}, LABELS)
