"""The examples of docs/strategies.md run as they stand there, and its order of hooks is the trainer's."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from stabbench import Batch, BoundModel, Context, Strategy, Weights
from stabbench.strategies.hooks import METHODS
from stabbench.strategies.mixout import Mixout, MixoutOptions
from stabbench.strategies.registry import find, make_options
from stabbench.testing import CHECKS, conformance, tiny
from stabbench.testing.trial import Trial
from stabbench.training.loop import Training

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")
EXAMPLES = {
    name: code
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, flags=re.DOTALL)
    if not name.startswith("test_")
}
PLUGINS = ["longer.py:Longer", "fresh_top.py:FreshTop", "column_mixout.py:ColumnMixout", "sam.py:SharpnessAware"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, code in EXAMPLES.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    return tmp_path


def test_the_page_has_these_examples() -> None:
    assert list(EXAMPLES) == [plugin.partition(":")[0] for plugin in PLUGINS]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_an_example_of_the_page_keeps_to_the_contract(plugin: str, folder: Path) -> None:
    suite = conformance(f"./{plugin}", root=folder)
    for check in CHECKS:
        assert suite.verdict(check).holds, suite.verdict(check).message


def test_the_pages_mixout_is_the_built_in_one(folder: Path) -> None:
    strategy, _ = find("./column_mixout.py:ColumnMixout", folder)
    ours = Trial([(Mixout, MixoutOptions(probability=0.6))]).alone
    theirs = Trial([(strategy, make_options("mixout", strategy, {"probability": 0.6}))]).alone
    assert ours.data["result_digest"] == theirs.data["result_digest"]


def test_the_pages_re_initialisation_leaves_all_below_the_top_as_pretrained(folder: Path) -> None:
    strategy, _ = find("./fresh_top.py:FreshTop", folder)
    trial = Trial([(strategy, make_options("fresh-top", strategy, {"layers": 2}))])
    inputs = trial.inputs()
    weights = Training(inputs, tiny.seeds(1), torch.device("cpu")).start().weights
    changed = {
        inputs.architecture.facts()[name].depth
        for name, tensor in inputs.pretrained.items()
        if "word_embeddings" not in name and not torch.equal(weights[name][0], tensor)
    }
    assert changed == {4, 5, 6}


CALLS: list[str] = []


class Listens(Strategy):
    """Notes which hook is called."""

    def initialise(
        self, weights: MutableMapping[str, Tensor], state: MutableMapping[str, Tensor], ctx: Context
    ) -> None:
        CALLS.append("initialise")

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        CALLS.append("scale")
        return 1.0, 1.0

    def training_weights(self, weights: Weights, ctx: Context) -> Weights:
        CALLS.append("training_weights")
        return weights

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        CALLS.append("loss")
        return super().loss(model, weights, batch, ctx)

    def penalty(self, weights: Weights, gradients: MutableMapping[str, Tensor], ctx: Context) -> Tensor:
        CALLS.append("penalty")
        return super().penalty(weights, gradients, ctx)

    def before_update(
        self,
        weights: Weights,
        gradients: MutableMapping[str, Tensor],
        state: MutableMapping[str, Tensor],
        ctx: Context,
    ) -> None:
        CALLS.append("before_update")

    def after_update(
        self, weights: MutableMapping[str, Tensor], state: MutableMapping[str, Tensor], ctx: Context
    ) -> None:
        CALLS.append("after_update")

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        CALLS.append("scored_weights")
        return weights


def test_hooks_are_called_in_the_order_of_the_page() -> None:
    CALLS.clear()
    _ = Trial([(Listens, Listens.Options())]).alone
    diagram = next(block for block in PAGE.split("```")[1::2] if "for every update:" in block)
    told = re.findall(r"^ *(\w+)\(", diagram, flags=re.MULTILINE)
    first_update = CALLS[: CALLS.index("after_update") + 1]
    assert [*dict.fromkeys(first_update), "scored_weights"] == [name for name in told if name in CALLS]
    assert set(METHODS) <= set(told)
