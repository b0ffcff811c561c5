"""DeBERTa-v2 and -v3 (He et al., 2021): relative positions have keys and queries of their own in the scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stabbench.models.architecture import Architecture, DropoutPlaces, ModelTensor
from stabbench.models.disentangled_config import KEYS, QUERIES, DisentangledConfig, details_of
from stabbench.models.families.contract import Computation
from stabbench.models.families.relative import RelativeFamily
from stabbench.models.families.unpadded import ACTIVATIONS, BERT_PARTS, DROPOUTS, FIELDS, norm, table

if TYPE_CHECKING:
    import torch

PROJECTIONS = {name: f"attention.self.{name}_proj" for name in ("query", "key", "value")}
POSITIONS = {KEYS: ("position_key", "pos_key_proj"), QUERIES: ("position_query", "pos_query_proj")}
"""The projection of positions for each kind of scores: our name of the part, and its place in a layer's attention."""


class DebertaV2(RelativeFamily):
    """DeBERTa-v2 and -v3 without a convolution; its pooler has a dropout of its own."""

    name = "deberta-v2"
    class_name = "DebertaV2"
    prefix = "deberta"
    fields = {
        **FIELDS,
        "vocab_size": 128100,
        "type_vocab_size": 0,
        "hidden_size": 1536,
        "num_hidden_layers": 24,
        "num_attention_heads": 24,
        "intermediate_size": 6144,
        "layer_norm_eps": 1e-7,
        "position_biased_input": True,
        "pooler_dropout": 0.0,
        "pooler_hidden_act": "gelu",
        "norm_rel_ebd": "none",
    }
    aliases = {"classifier_dropout": ("cls_dropout",)}
    parts = {**PROJECTIONS, **{part: name for part, name in BERT_PARTS.items() if part not in PROJECTIONS}}
    pooler = "pooler.dense"
    dropout_places = DropoutPlaces(head_input=True)
    dropout_fields = (*DROPOUTS[:2], "pooler_dropout", "cls_dropout")

    def takes(self, config: Mapping[str, Any]) -> bool:
        """Those that attend by relative positions, without a convolution and with all of one width."""
        hidden = int(self.field(config, "hidden_size"))
        heads = int(self.field(config, "num_attention_heads"))
        widths = {"embedding_size": hidden, "pooler_hidden_size": hidden, "attention_head_size": hidden // heads}
        activations = {self.field(config, name) for name in ("hidden_act", "pooler_hidden_act")}
        return (
            bool(config.get("relative_attention"))
            and len(kinds := _kinds(config)) > 0
            and kinds <= {KEYS, QUERIES}
            and int(config.get("conv_kernel_size") or 0) <= 0
            and all(config.get(name) in (None, width) for name, width in widths.items())
            and activations <= set(ACTIVATIONS)
        )

    def architecture(self, config: Mapping[str, Any], labels: int, where: str) -> Architecture:
        """Sizes and tensors; UserError for activations and numbers of heads that are not computed."""
        found = super().architecture(config, labels, where)
        activation = str(self.field(config, "pooler_hidden_act"))
        return replace(found, head_activation=activation, position_terms=len(_kinds(config)))

    def _rows(self, config: Mapping[str, Any]) -> tuple[int, int]:
        positions, segments = super()._rows(config)
        return positions if self.field(config, "position_biased_input") else 0, segments

    def _parts(self, config: Mapping[str, Any]) -> Mapping[str, str]:
        if config.get("share_att_key"):
            return self.parts
        kinds = _kinds(config)
        own = {part: f"attention.self.{name}" for kind, (part, name) in POSITIONS.items() if kind in kinds}
        return {**PROJECTIONS, **own, **self.parts}

    def _dropout_places(self, config: Mapping[str, Any]) -> DropoutPlaces:
        return replace(super()._dropout_places(config), own_head_input=float(self.field(config, "pooler_dropout")))

    def _details(self, config: Mapping[str, Any]) -> str:
        farthest = int(config.get("max_relative_positions") or -1)
        details = DisentangledConfig(
            kinds=tuple(sorted(_kinds(config))),
            buckets=max(0, int(config.get("position_buckets") or 0)),
            farthest=farthest if farthest > 0 else int(self.field(config, "max_position_embeddings")),
            shares=bool(config.get("share_att_key")),
            normalised="layer_norm" in _words(str(self.field(config, "norm_rel_ebd"))),
        )
        return details.as_json()

    def _relative_tensors(self, sizes: Architecture) -> Iterator[ModelTensor]:
        details, encoder = details_of(sizes), f"{self.prefix}.encoder"
        yield table(f"{encoder}.rel_embeddings.weight", 2 * details.span, sizes.hidden_size)
        if details.normalised:
            yield from norm(f"{encoder}.LayerNorm", sizes.hidden_size, 0)

    def encoder(self, architecture: Architecture, products: torch.dtype | None = None) -> Computation:
        """Ours."""
        from stabbench.models.disentangled import DebertaEncoder

        return DebertaEncoder(architecture, products)


def _kinds(config: Mapping[str, Any]) -> set[str]:
    """The kinds of scores that a config asks for, which older ones join by `|`."""
    given = config.get("pos_att_type") or []
    return _words(given) if isinstance(given, str) else {str(kind) for kind in given}


def _words(text: str) -> set[str]:
    return {word.strip() for word in text.lower().split("|")}
