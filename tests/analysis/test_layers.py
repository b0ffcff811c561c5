from __future__ import annotations

import pandas as pd
import pytest

from stabbench.analysis.layers import layer_norms
from stabbench.plan_migrations import by_name
from stabbench.tensor_roles import TensorRoles
from tests.analysis.synthetic import parameter_names

BERT = TensorRoles(by_name("bert"))


def test_a_layers_norm_is_that_of_all_its_tensors_together() -> None:
    rows = [
        (0, "bert.encoder.layer.0.output.dense.weight", 3.0),
        (0, "bert.encoder.layer.0.output.dense.bias", 4.0),
        (0, "classifier.weight", 2.0),
        (10, "bert.encoder.layer.0.output.dense.weight", 0.0),
        (10, "bert.encoder.layer.0.output.dense.bias", 1.0),
        (10, "classifier.weight", 0.5),
    ]
    norms = layer_norms(pd.DataFrame(rows, columns=["step", "parameter", "norm"]), BERT)
    assert norms.to_dict("index") == {0: {"layer 1": 5.0, "classifier": 2.0}, 10: {"layer 1": 1.0, "classifier": 0.5}}


@pytest.mark.parametrize("architecture", ["bert", "roberta", "albert"])
def test_layers_stand_from_the_embeddings_up_to_the_classifier(architecture: str) -> None:
    names = [name for name, _ in parameter_names(architecture, 12)]
    table = pd.DataFrame({"step": 0, "parameter": names[::-1], "norm": 1.0})
    middle = ["shared layer"] if architecture == "albert" else [f"layer {number}" for number in range(1, 13)]
    norms = layer_norms(table, TensorRoles(by_name(architecture)))
    assert list(norms.columns) == ["embeddings", *middle, "pooler", "classifier"]
