"""What nobody guarded on the strategies' side: draws without a key, hooks of another contract, shifted weights."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner

from stabbench import Strategy
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.strategies import contract, hooks
from stabbench.strategies.contract import NoOptions
from stabbench.strategies.registry import find
from stabbench.testing import CHECKS, conformance
from stabbench.testing.trial import Trial
from stabbench.training.outcome import RunResult

Draw = Callable[[], Any]

DRAWS: dict[str, tuple[Draw, str]] = {
    "torch.rand": (lambda: torch.rand(()), "torch's global generator"),
    "torch.randn_like": (lambda: torch.randn_like(torch.ones(2)), "torch's global generator"),
    "torch.randperm": (lambda: torch.randperm(3), "torch's global generator"),
    "F.dropout": (lambda: F.dropout(torch.ones(3), 0.1), "torch's global generator"),
    "np.random.rand": (lambda: np.random.rand(), "NumPy's global generator"),
    "np.random.randn": (lambda: np.random.randn(), "NumPy's global generator"),
    "np.random.permutation": (lambda: np.random.permutation(5), "NumPy's global generator"),
    "a whole refill": (lambda: np.random.bytes(4 * 624), "NumPy's global generator"),
    "random.random": (lambda: random.random(), "Python's `random`"),
    "random.shuffle": (lambda: random.shuffle([1, 2, 3]), "Python's `random`"),
}


def drawing(hook: str, draw: Draw) -> type[Strategy]:
    """A strategy whose hook does what it did and draws beside."""

    def method(self: Strategy, **arguments: Any) -> Any:
        draw()
        return getattr(Strategy, hook)(self, **arguments)

    return type("Careless", (Strategy,), {hook: method})


def train(strategy: type[Strategy], *seeds: int) -> list[RunResult]:
    return Trial([(strategy, NoOptions())]).train(*seeds)


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_without_a_key_ends_the_training_with_a_sentence(name: str) -> None:
    draw, source = DRAWS[name]
    with pytest.raises(UserError) as raised:
        train(drawing("loss", draw), 1)
    assert str(raised.value).startswith(f"strategy Careless: hook `loss` draws from {source}")
    assert "ctx.uniform, ctx.normal" in str(raised.value)


@pytest.mark.parametrize("hook", contract.HOOKS)
def test_the_hook_that_draws_is_named(hook: str) -> None:
    with pytest.raises(UserError, match=f"strategy Careless: hook `{hook}` draws from torch's"):
        train(drawing(hook, DRAWS["torch.rand"][0]), 1, 2)


def test_a_draw_that_comes_late_is_noticed_when_it_comes() -> None:
    class Late(Strategy):
        def after_update(self, weights: Any, state: Any, ctx: Any) -> None:
            if ctx.step == 6:
                np.random.rand()

    with pytest.raises(UserError, match="strategy Late: hook `after_update` draws from NumPy's"):
        train(Late, 1)


def test_keyed_draws_and_generators_that_are_put_back_are_left_alone() -> None:
    class Careful(Strategy):
        def loss(self, model: Any, batch: Any, ctx: Any) -> Any:  # type: ignore[override]
            with torch.random.fork_rng(devices=[]):
                torch.rand(3)
            noise = ctx.normal_by_token("noise", batch, model.embed(batch).shape[-1])
            return ctx.objective.loss(model(batch, model.embed(batch) + 1e-3 * noise), batch.labels)

    first, second = (train(Careful, 1)[0] for _ in range(2))
    assert first.data["result_digest"] == second.data["result_digest"]


def test_check_strategy_names_the_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "import random\nfrom stabbench import Strategy\n\nclass Mine(Strategy):\n"
        "    def before_update(self, gradients):\n"
        "        for gradient in gradients.values():\n            gradient.mul_(random.random())\n"
    )
    result = CliRunner().invoke(main, ["check-strategy", "./mine.py:Mine"])
    assert result.exit_code == 1
    assert "FAILED  its draws are keyed by the run's seed" in result.output
    assert "hook `before_update` draws from Python's `random`, which no run's seed keys" in result.output


SUBSETS = """
from stabbench import Strategy, cross_entropy

class Mine(Strategy):
    def unsupported(self): return None
    def caution(self, options): return None
    def initialise(self, ctx, weights):
        for name, tensor in weights.items():
            tensor.add_(0.01 * ctx.normal(name, tensor.shape[1:]))
    def scale(self, name): return (0.5 if "layer.0" in name else 1.0), 1.0
    @staticmethod
    def training_weights(weights): return {name: 0.99 * tensor for name, tensor in weights.items()}
    def loss(self, batch, model, *, scale=1.0e9): return cross_entropy(model(batch), batch.labels)
"""


def test_hooks_that_name_some_of_the_arguments_pass_the_whole_suite(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SUBSETS.replace(", *, scale=1.0e9", ""))
    suite = conformance("./mine.py:Mine", root=tmp_path)
    for check in CHECKS:
        assert suite.verdict(check).holds, suite.verdict(check).message


def test_all_names_that_the_contract_does_not_have_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SUBSETS.replace("weights): return {", "wieghts): weights = {}; return {"))
    with pytest.raises(UserError) as raised:
        find("./mine.py:Mine", tmp_path)
    assert "`training_weights(wieghts)`: unknown argument 'wieghts' (did you mean 'weights'?)" in str(raised.value)
    assert "hook `loss(batch, model, *, scale=1000000000.0)`: unknown argument 'scale'" in str(raised.value)


def test_an_argument_that_a_later_contract_adds_breaks_no_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    class OfToday(Strategy):
        def after_update(self, weights: Any, state: Any, ctx: Any) -> Any:
            return weights, state, ctx

    monkeypatch.setitem(hooks.ARGUMENTS, "after_update", ("weights", "gradients", "state", "batch", "ctx"))
    assert hooks.hook_of(OfToday(), "after_update")(1, 2, 3, 4, 5) == (1, 3, 5)


AT_OTHER_WEIGHTS = """
import torch
from stabbench import Strategy
from stabbench.tasks.objectives.class_losses import cross_entropy

class Sam(Strategy):
    description, reference, recipe = "SAM", "Foret et al. (2021)", {"epochs": 3.0, "bias_correction": True}
    def loss(self, model, weights, batch, ctx):
        names = [n for n, w in weights.items() if w.requires_grad]
        slopes = torch.autograd.grad(cross_entropy(model(batch), batch.labels).sum(), [weights[n] for n in names])
        norm = torch.stack([g.flatten(1).pow(2).sum(1) for g in slopes]).sum(0).sqrt()
        shift = {n: 0.05 * g / norm.view(-1, *[1] * (g.dim() - 1)) for n, g in zip(names, slopes)}
        moved = {n: weights[n] + shift[n] for n in names}
        return cross_entropy(model(batch, weights={**weights, **moved}), batch.labels)
"""


def test_a_strategy_that_needs_the_gradient_at_shifted_weights_passes_check_strategy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sam.py").write_text(AT_OTHER_WEIGHTS)
    result = CliRunner().invoke(main, ["check-strategy", "./sam.py:Sam"])
    assert result.exit_code == 0, result.output
    assert result.output.count("    ok  ") == len(CHECKS)
