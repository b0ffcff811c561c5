"""What a ModernBERT's config says beside its sizes: windows, rotations, the head's pooling, dropout at each place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from stabbench.errors import UserError, unknown
from stabbench.models.architecture import Architecture

GLOBAL, LOCAL = "full_attention", "sliding_attention"
POOLINGS = ("cls", "mean")
DEFAULT_THETA = {GLOBAL: 160_000.0, LOCAL: 10_000.0}
OLDER_THETA = {GLOBAL: "global_rope_theta", LOCAL: "local_rope_theta"}


@dataclass(frozen=True)
class ModernBertConfig:
    """Data of one model; `windows` and `thetas` have an entry a layer."""

    windows: tuple[int | None, ...]
    """How many places away a token sees others, None for all of its text."""
    thetas: tuple[float, ...]
    """The base of the rotations' frequencies."""
    pooling: str
    """What the head sees: the first token (`cls`) or the mean of all (`mean`)."""
    head_activation: str
    embedding_dropout: float
    attention_dropout: float
    mlp_dropout: float
    classifier_dropout: float
    initial_cutoff: float
    """At how many deviations the values of new matrices are cut."""

    @property
    def dropouts(self) -> tuple[float, float, float, float]:
        """Those of embeddings, attention, feed-forward layers and head."""
        return self.embedding_dropout, self.attention_dropout, self.mlp_dropout, self.classifier_dropout

    def as_json(self) -> str:
        """As `Architecture.config` keeps it."""
        return json.dumps(asdict(self), sort_keys=True)


@lru_cache(maxsize=16)
def _read_back(text: str) -> ModernBertConfig:
    found = json.loads(text)
    return ModernBertConfig(**found | {name: tuple(found[name]) for name in ("windows", "thetas")})


def details_of(architecture: Architecture) -> ModernBertConfig:
    """What the family read in the config of such an architecture."""
    return _read_back(architecture.config)


def read_config(config: Mapping[str, Any], where: str) -> ModernBertConfig:
    """From a config.json of today or before transformers 5; UserError, which begins with `where`, for what is not done.

    Dropout that is left out is 0, as in the published models.
    """
    layers = int(config["num_hidden_layers"])
    kinds = _kinds(config, layers, where)
    theta = {kind: _theta(config, kind, where) for kind in (GLOBAL, LOCAL)}
    half = int(config.get("local_attention", 128)) // 2
    cutoff = config.get("initializer_cutoff_factor", 2.0)
    pooling = str(config.get("classifier_pooling", "cls"))
    if pooling not in POOLINGS:
        raise unknown(f"classifier_pooling in {where}", pooling, POOLINGS)
    return ModernBertConfig(
        windows=tuple(half if kind == LOCAL else None for kind in kinds),
        thetas=tuple(theta[kind] for kind in kinds),
        pooling=pooling,
        head_activation=str(config.get("classifier_activation", "gelu")),
        initial_cutoff=float(3 if cutoff is None else cutoff),
        **{
            name: float(config.get(name) or 0)
            for name in ("embedding_dropout", "attention_dropout", "mlp_dropout", "classifier_dropout")
        },
    )


def _kinds(config: Mapping[str, Any], layers: int, where: str) -> list[str]:
    """The kind of attention of each layer."""
    every = int(config.get("global_attn_every_n_layers") or 3)
    kinds = config.get("layer_types") or [LOCAL if number % every else GLOBAL for number in range(layers)]
    for kind in kinds:
        if kind not in (GLOBAL, LOCAL):
            raise unknown(f"layer type in {where}", str(kind), (GLOBAL, LOCAL))
    if len(kinds) != layers:
        raise UserError(f"{where}: found {len(kinds)} layer_types, expected one of each of the {layers} layers")
    return list(kinds)


def _theta(config: Mapping[str, Any], kind: str, where: str) -> float:
    """The base of a kind's rotations, whose frequencies must not be scaled."""
    own = (config.get("rope_parameters") or {}).get(kind) or {}
    for given in (own, config.get("rope_scaling") or {}):
        scaling = given.get("rope_type") or given.get("type") or "default"
        if scaling != "default":
            raise UserError(f"{where}: found rotations scaled by '{scaling}', supported is rope_type 'default'")
    return float(own.get("rope_theta") or config.get(OLDER_THETA[kind]) or DEFAULT_THETA[kind])
