"""Plan files of older versions, brought to today's form when they are read: one function a schema version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Content = Mapping[str, Any]


def migrated(content: Content, version: int) -> Content:
    """A plan file's content in the form of schema `version`; ValueError where it is of a form that nobody knows."""
    if "schema_version" not in content:
        raise ValueError("schema_version is absent")
    found = content["schema_version"]
    while found != version:
        if found not in STEPS:
            raise ValueError(f"its schema version is {found}, readable: {', '.join(map(str, [*STEPS, version]))}")
        content = STEPS[found](content)
        found = content["schema_version"]
    return content


def _from_1_to_2(content: Content) -> Content:
    """Facts that are always there, F1's baseline put right, and tensors of every model."""
    facts = {
        "dataset": content["task"],
        "label_shares": {},
        "sample": None,
        "dev_sample": None,
        **_object(content["task_facts"], "task_facts"),
    }
    if "tensors" in content:
        tensors = _by_layer(_object(content["tensors"], "tensors"))
    else:
        model = _object(_object(content["spec"], "spec").get("model", {}), "spec.model")
        tensors = by_name(model.get("architecture", ""))
    return {
        **content,
        "schema_version": 2,
        "task_facts": {**facts, "majority": _best_constant(facts)},
        "tensors": tensors,
    }


STEPS: Mapping[int, Callable[[Content], Content]] = {1: _from_1_to_2}


def _object(value: object, place: str) -> Content:
    """An object of a file; ValueError where it is none."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{place} is {value!r}, expected an object")
    return value


def f1_of_always_one(ones: int, examples: int) -> float:
    """F1 of a classifier that always says 1, on `examples` labels of which `ones` are 1; bit-equal to `score`'s."""
    return 2.0 * ones / (ones + examples) if ones else 0.0


def outdated(scores: Mapping[str, float]) -> bool:
    """Whether the baselines of a plan or a record may hold the F1 of always saying another label than 1.

    Older versions took the most frequent label for the best constant classifier. Always saying 1 scores 2·n₁/(n + n₁),
    also where label 0 is more frequent; there older files say 0, so that a run that always says 1 was successful.
    """
    return scores.get("f1") == 0.0


def _best_constant(facts: Content) -> Content:
    """With the label of each metric, and F1's score put right where the label shares tell it."""
    found = _object(facts["majority"], "task_facts.majority")
    shares = _object(facts["label_shares"], "task_facts.label_shares").get("dev", ())
    labels = {metric: 1 if metric == "f1" else found["label"] for metric in facts["metrics"]}
    scores = dict(_object(found["scores"], "task_facts.majority.scores"))
    if len(shares) > 1 and outdated(scores):
        examples = int(facts["counts"]["dev"])
        scores["f1"] = f1_of_always_one(round(shares[1] * examples), examples)
    return {"label": found["label"], "labels": {**labels, **found.get("labels", {})}, "scores": scores}


def _by_layer(tensors: Content) -> dict[str, str]:
    """Lines that name a tensor's layer, of those that number its depth."""
    lines = {}
    for name, line in tensors["names"].items():
        kind, depth, rest = line.split(", ", 2)
        above = "classifier" if kind == "classifier" else "pooler"
        inside = depth == "#" or 0 < int(depth) <= tensors["layers"]
        lines[name] = f"{kind}, {f'layer {depth}' if inside else above if int(depth) else 'embeddings'}, {rest}"
    return lines


_BERT = {
    "attention.self.query": ("attention", "query"),
    "attention.self.key": ("attention", "key"),
    "attention.self.value": ("attention", "value"),
    "attention.output.dense": ("attention", "attention output"),
    "attention.output.LayerNorm": ("layer_norm", ""),
    "intermediate.dense": ("feed_forward", "intermediate"),
    "output.dense": ("feed_forward", "output"),
    "output.LayerNorm": ("layer_norm", ""),
}
_ALBERT = {
    "attention.query": ("attention", "query"),
    "attention.key": ("attention", "key"),
    "attention.value": ("attention", "value"),
    "attention.dense": ("attention", "attention output"),
    "attention.LayerNorm": ("layer_norm", ""),
    "ffn": ("feed_forward", "intermediate"),
    "ffn_output": ("feed_forward", "output"),
    "full_layer_layer_norm": ("layer_norm", ""),
}
_FAMILIES = {
    "bert": ("bert.encoder.layer.#", "layer #", _BERT, "bert.pooler.dense", "classifier"),
    "roberta": ("roberta.encoder.layer.#", "layer #", _BERT, "classifier.dense", "classifier.out_proj"),
    "albert": (
        *("albert.encoder.albert_layer_groups.0.albert_layers.0", "shared layer", _ALBERT),
        *("albert.pooler", "classifier"),
    ),
}
"""Where a layer lies, what it is called, kind and part of its modules, pooler and classifier."""


def by_name(architecture: str) -> dict[str, str]:
    """Lines of the tensors of a BERT, RoBERTa or ALBERT, of which plans once said nothing; of other models none."""
    if architecture not in _FAMILIES:
        return {}
    place, layer, parts, pooler, classifier = _FAMILIES[architecture]
    tables = [f"{architecture}.embeddings.{name}_embeddings" for name in ("word", "position", "token_type")]
    modules = dict.fromkeys(tables, ("embedding", "embeddings", ""))
    modules[f"{architecture}.embeddings.LayerNorm"] = ("layer_norm", "embeddings", "")
    if architecture == "albert":
        modules["albert.encoder.embedding_hidden_mapping_in"] = ("embedding", "embeddings", "")
    modules |= {f"{place}.{name}": (kind, layer, part) for name, (kind, part) in parts.items()}
    modules |= {pooler: ("pooler", "pooler", ""), classifier: ("classifier", "classifier", "")}
    lines = {}
    for name, (kind, found, part) in modules.items():
        lines[f"{name}.weight"] = f"{kind}, {found}, {'spared' if kind == 'layer_norm' else 'decays'}, {part}"
        if name not in tables:
            lines[f"{name}.bias"] = f"{kind}, {found}, spared, "
    return lines
