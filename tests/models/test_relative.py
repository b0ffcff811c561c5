"""MPNet and DeBERTa-v2 equal transformers' own in fp64: logits, loss, gradients, states; with texts of any length."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch, TokenizedTexts, make_batch
from stabbench.models.disentangled_config import details_of
from stabbench.models.dropout import Dropout
from stabbench.models.families import architecture_of, encoder_of
from stabbench.models.relative import RelativeEncoder
from stabbench.models.relative_positions import by_halves, by_logarithm, reach, shifted
from stabbench.randomness import Draws
from stabbench.tasks.objectives.class_losses import cross_entropy
from tests import tiny

LABELS, CPU = 3, torch.device("cpu")
SIZES = {
    "vocab_size": 60, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40,
    "max_position_embeddings": 260,
}  # fmt: skip
RELATIVE = {"relative_attention": True, "position_biased_input": False, "type_vocab_size": 0}
V3 = {**RELATIVE, "pos_att_type": "p2c|c2p", "share_att_key": True, "norm_rel_ebd": "layer_norm"}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "mpnet": ("mpnet", {"pad_token_id": 1, "layer_norm_eps": 1e-3}),
    "as published": ("deberta-v2", {**V3, "position_buckets": 32}),
    "own projections": ("deberta-v2", {**RELATIVE, "pos_att_type": ["p2c", "c2p"], "hidden_act": "silu"}),
    "by keys": (
        "deberta-v2",
        {**V3, "pos_att_type": ["c2p"], "share_att_key": False, "position_biased_input": True, "type_vocab_size": 2},
    ),
    "by queries, near ones": (
        "deberta-v2",
        {**RELATIVE, "pos_att_type": ["p2c"], "position_buckets": 8, "max_relative_positions": 40,
         "pooler_hidden_act": "relu"},
    ),
    "near ones without buckets": ("deberta-v2", {**V3, "max_relative_positions": 20}),
}  # fmt: skip
"""Model type and the fields of a config beside the sizes; texts are longer than some of their ranges."""
every_variant = pytest.mark.parametrize("variant", VARIANTS)


@cache
def model(variant: str, seed: int = 0) -> Any:
    """Transformers' classifier in fp64 with weights of noticeable size."""
    kind, fields = VARIANTS[variant]
    make: Any = CONFIG_MAPPING[kind]
    auto: Any = AutoModelForSequenceClassification
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        found: Any = auto.from_config(make(**SIZES, **fields, num_labels=LABELS)).double().eval()
        for parameter in found.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.15)
    return found


def architecture(variant: str, **fields: Any) -> Architecture:
    return architecture_of(model(variant).config.to_dict() | fields, LABELS)


def weights(variant: str, *seeds: int) -> dict[str, Tensor]:
    return tiny.stacked_leaves([model(variant, seed) for seed in seeds or (0,)])


@cache
def texts() -> TokenizedTexts:
    """Of 1 to 250 tokens."""
    lengths, rng = np.array([3, 40, 17, 1, 250, 33, 24, 9]), np.random.default_rng(3)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids, segments = rng.integers(3, 60, size=offsets[-1]), rng.integers(0, 2, size=offsets[-1])
    return TokenizedTexts(ids, segments, offsets, rng.integers(0, LABELS, size=8), np.arange(8))


def batch_of(*chosen: Sequence[int]) -> Batch:
    return make_batch(texts(), [np.array(run) for run in chosen], torch.float64, CPU)


CHOSEN = [1, 0, 4, 3, 2, 5]


def theirs(variant: str, chosen: Sequence[int] = CHOSEN) -> Any:
    inputs = tiny.given(model(variant), texts(), np.array(chosen))
    with tiny.InDoublePrecision():
        return model(variant)(
            **inputs, labels=torch.from_numpy(texts().labels[list(chosen)]), output_hidden_states=True
        )


@every_variant
def test_logits_loss_and_gradients_are_transformers(variant: str) -> None:
    own, batch = weights(variant), batch_of(CHOSEN)
    encoder = encoder_of(architecture(variant))
    assert isinstance(encoder, RelativeEncoder)
    logits = encoder.classify(own, batch)
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


@every_variant
def test_states_of_all_tokens_are_transformers(variant: str) -> None:
    encoder, states = encoder_of(architecture(variant)), theirs(variant).hidden_states[-1]
    found = encoder.hidden_states(weights(variant), batch_of(CHOSEN), first_only=False)
    mask = tiny.padded(texts(), np.array(CHOSEN), 0)["attention_mask"].bool()
    torch.testing.assert_close(found[0], states[mask], rtol=0, atol=1e-10)
    first = encoder.hidden_states(weights(variant), batch_of(CHOSEN), first_only=True)
    torch.testing.assert_close(first[0], states[:, 0], rtol=0, atol=1e-10)


@every_variant
@pytest.mark.parametrize("dropout", [None, 0.3], ids=["no dropout", "dropout"])
def test_runs_side_by_side_are_as_each_alone(variant: str, dropout: float | None) -> None:
    """Logits and gradients, with texts of other lengths beside them, which reach further."""
    chosen, encoder = [[1, 0, 2], [5, 5, 3], [0, 7, 4]], encoder_of(architecture(variant))

    def of(*runs: int) -> tuple[Tensor, list[Tensor]]:
        own, batch = weights(variant, *runs), batch_of(*(chosen[run] for run in runs))
        masks = None if dropout is None else Dropout(dropout, [Draws(run, "dropout") for run in runs], step=2)
        logits = encoder.classify(own, batch, masks)
        loss = cross_entropy(logits, batch.labels).sum()
        return logits, list(torch.autograd.grad(loss, list(own.values())))

    together, gradients = of(0, 1, 2)
    for run in range(3):
        alone, own = of(run)
        torch.testing.assert_close(together[run], alone[0], rtol=0, atol=1e-12)
        for found, expected in zip(gradients, own, strict=True):
            torch.testing.assert_close(found[run], expected[0], rtol=0, atol=1e-12)


@every_variant
def test_a_text_is_dropped_alike_whatever_comes_after_it_in_the_batch(variant: str) -> None:
    """Also where that reaches further: positions are drawn in the order of their distances."""
    encoder, own = encoder_of(architecture(variant)), weights(variant)
    masks = Dropout(0.3, [Draws(1, "dropout")], step=2)
    alone, beside = (encoder.classify(own, batch_of(chosen), masks)[0, 0] for chosen in ([0], [0, 4]))
    torch.testing.assert_close(alone, beside, rtol=0, atol=1e-12)
    assert (alone - encoder.classify(own, batch_of([0]))[0, 0]).abs().max() > 1e-3


@every_variant
def test_products_in_bf16_are_close(variant: str) -> None:
    own = {name: tensor.detach().float() for name, tensor in weights(variant).items()}
    batch = make_batch(texts(), [np.array(CHOSEN)], torch.float32, CPU)
    exact, rounded = (
        encoder_of(architecture(variant), products).classify(own, batch) for products in (None, torch.bfloat16)
    )
    assert rounded.dtype == torch.float32
    assert 1e-5 < (exact - rounded).abs().max() < 0.1 * exact.abs().max()


def test_the_tables_rows_that_no_text_reaches_get_no_gradient() -> None:
    own, encoder = weights("as published"), encoder_of(architecture("as published"))
    table = own["deberta.encoder.rel_embeddings.weight"]
    (gradient,) = torch.autograd.grad(encoder.classify(own, batch_of([0, 7])).square().sum(), [table])
    moved = gradient[0].abs().sum(dim=1).nonzero().flatten().tolist()
    assert moved == list(range(32 - 8, 32 + 9))  # two texts, of 3 and 9 tokens


def test_buckets_of_all_distances_are_transformers() -> None:
    distances = torch.arange(-600, 601)
    for buckets, farthest in ((256, 512), (32, 512), (8, 40), (7, 30)):
        expected: Any = make_log_bucket_position(distances, buckets, farthest)
        assert torch.equal(by_logarithm(distances, buckets, farthest), expected.long())
    halves: Any = MPNetEncoder.relative_position_bucket(distances)
    assert torch.equal(by_halves(distances, 32), halves)


@pytest.mark.parametrize(("buckets", "farthest"), [(0, 20), (16, 300), (8, 12)])
def test_what_shorter_texts_reach_comes_first(buckets: int, farthest: int) -> None:
    most = reach(90, buckets, farthest, CPU)
    assert len(set(most.rows.tolist())) == len(most.rows)
    for length in (1, 5, 40):
        rows, places = reach(length, buckets, farthest, CPU)
        assert torch.equal(rows, most.rows[: len(rows)])
        assert torch.equal(places, most.places[90 - length : 90 + length + 1])


@pytest.mark.parametrize("length", [1, 2, 5])
def test_scores_by_distance_are_laid_out_by_place_and_so_are_their_slopes(length: int) -> None:
    by_distance = torch.randn(2, 3, length, 2 * length, dtype=torch.float64).transpose(0, 1).requires_grad_()
    found = shifted(by_distance)
    for query in range(length):
        for key in range(length):
            assert torch.equal(found[..., query, key], by_distance[..., query, length - 1 + key - query])
    assert torch.autograd.gradcheck(shifted, (by_distance,))


PUBLISHED = {
    **V3, "position_buckets": 256, "max_position_embeddings": 512, "vocab_size": 128100, "layer_norm_eps": 1e-7,
    "max_relative_positions": -1, "intermediate_size": 3072,
}  # fmt: skip
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
XLARGE = {
    "hidden_size": 1536, "num_hidden_layers": 24, "num_attention_heads": 24, "intermediate_size": 6144,
    "attention_head_size": 64, "conv_kernel_size": 3, "conv_act": "gelu",
}  # fmt: skip
MODELS: dict[str, tuple[str, dict[str, Any], str]] = {
    "deberta-v3-small": (
        "deberta-v2", {"hidden_size": 768, "num_hidden_layers": 6, "num_attention_heads": 12}, "deberta-v2"
    ),
    "deberta-v3-base": (
        "deberta-v2", {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}, "deberta-v2"
    ),
    "deberta-v3-large": ("deberta-v2", LARGE, "deberta-v2"),
    "deberta-v2-xlarge": ("deberta-v2", XLARGE, "huggingface"),
    "mpnet-base": (
        "mpnet",
        {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "vocab_size": 30527,
         "max_position_embeddings": 514, "pad_token_id": 1, "relative_attention_num_buckets": 32},
        "mpnet",
    ),
}  # fmt: skip
"""Published models: type, sizes, and the family that computes them."""


@pytest.mark.parametrize("name", MODELS)
def test_published_models_have_transformers_tensors_and_their_family(name: str) -> None:
    kind, sizes, family = MODELS[name]
    config = {"model_type": kind, **(PUBLISHED if kind == "deberta-v2" else {"intermediate_size": 3072}), **sizes}
    found = architecture_of(config, 2)
    assert found.family == family
    with torch.device("meta"):
        auto: Any = AutoModelForSequenceClassification
        expected = auto.from_config(CONFIG_MAPPING[kind].from_dict({**config, "num_labels": 2}))
    assert list(found.shapes().items()) == [(name, tuple(each.shape)) for name, each in expected.named_parameters()]


@pytest.mark.parametrize(
    ("variant", "fields"),
    [
        ("as published", {"conv_kernel_size": 3}),
        ("as published", {"relative_attention": False}),
        ("as published", {"pos_att_type": []}),
        ("as published", {"pos_att_type": None}),
        ("as published", {"hidden_act": "mish"}),
        ("as published", {"pooler_hidden_act": "mish"}),
        ("as published", {"embedding_size": 12}),
        ("mpnet", {"pad_token_id": 0}),
        ("mpnet", {"hidden_act": "mish"}),
        ("mpnet", {"relative_attention_num_buckets": 40}),
    ],
)
def test_what_is_not_computed_here_is_left_to_transformers(variant: str, fields: dict[str, Any]) -> None:
    config = model(variant).config.to_dict() | fields
    found = architecture_of(config, LABELS)
    assert found.family == families.reading(config).name == families.OTHERS
    assert families.of(found).spec_fields(found).keys() == {"computed_by", "batches"}


@every_variant
def test_the_spec_says_no_more_than_that_of_other_models_of_ours(variant: str) -> None:
    found = architecture(variant)
    assert families.of(found).spec_fields(found) == {}


@every_variant
def test_the_operations_counted_are_those_of_the_products_that_are_computed(variant: str) -> None:
    """But for the last layer's positions, multiplied one by one, and the projection of positions, once a batch."""
    found, batch, hidden = architecture(variant), batch_of([6]), SIZES["hidden_size"]
    (length,) = batch.tokens
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder_of(found).classify(weights(variant), batch)
    counted = families.of(found).operations(found, length, length**2, 1)
    if variant != "mpnet":
        details = details_of(found)
        rows = len(reach(length, details.buckets, details.farthest, CPU).rows)
        counted += found.layers * len(details.kinds) * 2 * rows * hidden**2
        counted -= ("p2c" in details.kinds) * 2 * length * hidden
    assert counter.get_total_flops() == counted
