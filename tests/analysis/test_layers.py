from __future__ import annotations

import pandas as pd
import pytest

from stabbench.analysis.layers import layer_norms, layer_of
from tests.analysis.synthetic import parameter_names


@pytest.mark.parametrize(
    ("parameter", "layer"),
    [
        ("bert.embeddings.word_embeddings.weight", "embeddings"),
        ("bert.encoder.layer.3.attention.self.query.weight", "layer 4"),
        ("bert.encoder.layer.11.output.LayerNorm.bias", "layer 12"),
        ("bert.pooler.dense.weight", "pooler"),
        ("classifier.weight", "classifier"),
        ("roberta.encoder.layer.0.output.dense.weight", "layer 1"),
        ("classifier.dense.weight", "pooler"),
        ("classifier.out_proj.bias", "classifier"),
        ("albert.encoder.embedding_hidden_mapping_in.weight", "embeddings"),
        ("albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight", "shared layer"),
        ("albert.pooler.weight", "pooler"),
        ("bert.encoder.layer.2.attention.self.query.lora_A", "layer 3"),
        ("electra.embeddings_project.weight", "embeddings"),
        ("distilbert.transformer.layer.1.ffn.lin1.weight", "layer 2"),
        ("pre_classifier.weight", "pooler"),
        ("model.layers.3.attn.Wqkv.weight", "layer 4"),
        ("temperature", "other"),
    ],
)
def test_tensors_are_put_into_their_layer(parameter: str, layer: str) -> None:
    assert layer_of(parameter) == layer


def test_a_layers_norm_is_that_of_all_its_tensors_together() -> None:
    rows = [
        (0, "bert.encoder.layer.0.a.weight", 3.0),
        (0, "bert.encoder.layer.0.b.weight", 4.0),
        (0, "classifier.weight", 2.0),
        (10, "bert.encoder.layer.0.a.weight", 0.0),
        (10, "bert.encoder.layer.0.b.weight", 1.0),
        (10, "classifier.weight", 0.5),
    ]
    norms = layer_norms(pd.DataFrame(rows, columns=["step", "parameter", "norm"]))
    assert norms.to_dict("index") == {0: {"layer 1": 5.0, "classifier": 2.0}, 10: {"layer 1": 1.0, "classifier": 0.5}}


@pytest.mark.parametrize("architecture", ["bert", "roberta", "albert"])
def test_layers_stand_from_the_embeddings_up_to_the_classifier(architecture: str) -> None:
    names = [name for name, _ in parameter_names(architecture, 12)]
    table = pd.DataFrame({"step": 0, "parameter": names[::-1], "norm": 1.0})
    middle = ["shared layer"] if architecture == "albert" else [f"layer {number}" for number in range(1, 13)]
    assert list(layer_norms(table).columns) == ["embeddings", *middle, "pooler", "classifier"]
