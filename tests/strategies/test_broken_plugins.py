"""Each check catches the plugin that breaks it, and no other does; the message names plugin and hook."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, MutableMapping

import numpy as np
import pytest
import torch
from torch import Tensor

from stabbench import Batch, BoundModel, Context, Strategy, Weights, cross_entropy
from stabbench.models.architecture import Architecture
from stabbench.testing import CHECKS, Conformance

LABEL = "strategy 'mine' (mine:Mine of my-plugin 1.0)"
QUERY = "bert.encoder.layer.0.attention.self.query.weight"


class HoldsALambda(Strategy):
    def __init__(self) -> None:
        self.shape = lambda values: values**2

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        return cross_entropy(2 * model(batch), batch.labels)


class DividesByZero(Strategy):
    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        return cross_entropy(model(batch), batch.labels) / 0


class OneLossForAllRuns(Strategy):
    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        return cross_entropy(model(batch), batch.labels).mean()


class DrawsWithoutASeed(Strategy):
    def training_weights(self, weights: Weights, ctx: Context) -> Weights:
        return {name: tensor * (1 + 1e-3 * torch.rand(())) for name, tensor in weights.items()}


class DrawsFromAGeneratorOfItsOwn(Strategy):
    def training_weights(self, weights: Weights, ctx: Context) -> Weights:
        noise = float(np.random.default_rng().random())
        return {name: tensor * (1 + 1e-3 * noise) for name, tensor in weights.items()}


class MixesRuns(Strategy):
    def before_update(
        self,
        weights: Weights,
        gradients: MutableMapping[str, Tensor],
        state: MutableMapping[str, Tensor],
        ctx: Context,
    ) -> None:
        for name, gradient in gradients.items():
            gradients[name] = gradient.mean(dim=0, keepdim=True).expand_as(gradient).contiguous()


class LeavesTheAverageInPlace(Strategy):
    def after_update(
        self, weights: MutableMapping[str, Tensor], state: MutableMapping[str, Tensor], ctx: Context
    ) -> None:
        for name, tensor in weights.items():
            before = state.get(name, tensor)
            state[name] = 0.5 * before + 0.5 * tensor

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        for name, average in state.items():
            weights[name].copy_(average)
        return weights


class ScoresWithTheNoiseOfTraining(Strategy):
    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        return {**weights, "classifier.bias": weights["classifier.bias"] + 1e-3 * ctx.normal("noise", (2,))}

    def unsupported(self, architecture: Architecture, options: object) -> str | None:
        return "its classifier has another name" if architecture.name == "roberta" else None


class MixesInPlace(Strategy):
    def training_weights(self, weights: Weights, ctx: Context) -> Weights:
        with torch.no_grad():
            for tensor in weights.values():
                tensor.mul_(0.999)
        return weights


class SavesItsAdapter(Strategy):
    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        return {**weights, "adapter.weight": torch.ones_like(next(iter(weights.values())))}


class KnowsBertOnly(Strategy):
    def initialise(
        self, weights: MutableMapping[str, Tensor], state: MutableMapping[str, Tensor], ctx: Context
    ) -> None:
        weights[QUERY].zero_()


class SaysNoWithoutASentence(Strategy):
    def unsupported(self, architecture: Architecture, options: object) -> str | None:
        return "" if architecture.name == "albert" else None


class RemembersOnItself(Strategy):
    def __init__(self) -> None:
        self.before: dict[str, Tensor] = {}

    def before_update(
        self,
        weights: Weights,
        gradients: MutableMapping[str, Tensor],
        state: MutableMapping[str, Tensor],
        ctx: Context,
    ) -> None:
        for name in gradients:
            gradients[name] = gradients[name] + 0.5 * self.before.get(name, torch.zeros_like(gradients[name]))
        self.before = dict(gradients)


class DoesNextToNothing(Strategy):
    def after_update(
        self, weights: MutableMapping[str, Tensor], state: MutableMapping[str, Tensor], ctx: Context
    ) -> None:
        for tensor in weights.values():
            tensor.mul_(1 - 1e-13)


class IsRoundedAwayInFp32(Strategy):
    def after_update(
        self, weights: MutableMapping[str, Tensor], state: MutableMapping[str, Tensor], ctx: Context
    ) -> None:
        for tensor in weights.values():
            tensor.mul_(1 - ctx.learning_rate * 1e-3)


class SupportsNothing(Strategy):
    def unsupported(self, architecture: Architecture, options: object) -> str | None:
        return "it needs a decoder"


@dataclasses.dataclass
class Broken:
    strategy: type[Strategy]
    check: str
    hooks: str
    message: str


PLUGINS = [
    Broken(HoldsALambda, "picklable", "", "HoldsALambda with its options"),
    Broken(DividesByZero, "finite_loss", ", hook `loss`", "not finite after 1 updates: loss inf"),
    Broken(OneLossForAllRuns, "finite_loss", ", hook `loss`", "the loss of 2 runs has shape (), expected (2,)"),
    Broken(SupportsNothing, "finite_loss", ", hook `unsupported`", "is supported: it needs a decoder"),
    Broken(
        DrawsWithoutASeed,
        "draws_are_keyed",
        ", hook `training_weights`",
        "strategy DrawsWithoutASeed: hook `training_weights` draws from torch's global generator",
    ),
    Broken(
        DrawsFromAGeneratorOfItsOwn,
        "same_seed_same_result",
        ", hook `training_weights`",
        "the train_loss of update 1 is",
    ),
    Broken(MixesRuns, "independent_of_companions", ", hook `before_update`", "alone and between two other runs"),
    Broken(
        LeavesTheAverageInPlace,
        "evaluation_untouched",
        ", hooks `after_update`, `scored_weights`",
        "evaluated every 4 updates and after",
    ),
    Broken(
        ScoresWithTheNoiseOfTraining,
        "evaluation_untouched",
        ", hook `scored_weights`",
        "another seed's draws: classifier",
    ),
    Broken(MixesInPlace, "evaluation_untouched", ", hook `training_weights`", "before and after `training_weights`"),
    Broken(SavesItsAdapter, "loads_in_hugging_face", ", hook `scored_weights`", "bert: unexpected keys adapter.weight"),
    Broken(KnowsBertOnly, "works_or_says_why", ", hook `initialise`", f"KeyError: '{QUERY}'; with roberta"),
    Broken(SaysNoWithoutASentence, "works_or_says_why", ", hook `unsupported`", "albert: `unsupported` gives ''"),
    Broken(
        RemembersOnItself,
        "resumes_bit_for_bit",
        ", hook `before_update`",
        "uninterrupted and resumed by a fresh object",
    ),
    Broken(
        DoesNextToNothing,
        "its_part_acts",
        ", hook `after_update`",
        "of the way that 8 updates go by its recipe alone, expected 1e-07 or more",
    ),
    Broken(IsRoundedAwayInFp32, "its_part_acts", ", hook `after_update`", "change no bit of the final weights"),
]


@pytest.mark.parametrize("broken", PLUGINS, ids=lambda broken: broken.strategy.__name__)
def test_a_broken_plugin_is_caught_by_exactly_the_check_it_breaks(broken: Broken) -> None:
    suite = Conformance(LABEL, [(broken.strategy, broken.strategy.Options())])
    verdicts = [suite.verdict(check) for check in CHECKS]
    (found,) = [verdict for verdict in verdicts if verdict.holds is False]
    assert found.check.name == broken.check
    assert found.message.startswith(f"{LABEL}{broken.hooks}: broken is that {found.check.sentence}: "), found.message
    assert broken.message in found.message


def test_every_check_has_a_plugin_that_breaks_it() -> None:
    assert {broken.check for broken in PLUGINS} == {check.name for check in CHECKS}
