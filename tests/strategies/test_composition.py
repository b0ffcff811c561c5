"""Strategies compose in the order of params.yaml, and two that claim the same thing are refused before any work."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
import torch

from stabbench.config import Config, load
from stabbench.errors import UserError
from stabbench.resolve import effective_recipe, resolve_strategy
from stabbench.strategies.child_tuning import ChildTuningF, ChildTuningOptions
from stabbench.strategies.llrd import LayerwiseDecay, LayerwiseDecayOptions
from stabbench.strategies.registry import STRATEGIES
from stabbench.strategies.reinit import ReInit, ReInitOptions
from stabbench.training.loop import Training, train
from tests import tiny

PARAMS = """
seeds: 1-2
grid: {models: [embedded], tasks: [acceptability], strategies: [mine]}
models: {embedded: {learning_rate: 1.0e-3}}
"""


@pytest.fixture
def configured(tmp_path: Path) -> Any:
    """Read a params.yaml whose strategy `mine` is the given block."""

    def read(block: str) -> Config:
        path = tmp_path / "params.yaml"
        path.write_text(f"{PARAMS}strategies: {{mine: {block}}}\n")
        return load(path)

    return read


def resolved(config: Config) -> tuple[Any, Any]:
    """The plugins that the spec holds, and the recipe."""
    found = resolve_strategy(config.strategies["mine"], "mine", Path())
    return found.plugins, effective_recipe(config, "embedded", "bert", "mine", found)


def test_the_spec_holds_every_plugin_in_order_with_its_version_and_options(configured: Any) -> None:
    plugins, recipe = resolved(configured("{plugin: [reinit, llrd], options: {reinit: {layers: 3}}}"))
    assert plugins == (
        {"plugin": "reinit", "version": "1", "options": {"layers": 3}},
        {"plugin": "llrd", "version": "1", "options": {"factor": 0.95}},
    )
    assert (recipe.epochs, recipe.bias_correction) == (3.0, True)


def test_a_plugin_without_code_adds_its_recipe(configured: Any) -> None:
    plugins, recipe = resolved(configured("{plugin: [llrd, hf-default], options: {llrd: {factor: 0.9}}}"))
    assert [plugin["plugin"] for plugin in plugins] == ["llrd"]
    assert (recipe.adam_formula, recipe.batch_size, recipe.learning_rate) == ("torch", 8, 5e-5)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            "{plugin: [reinit, mosbach]}",
            r"strategies\.mine: strategies reinit and mosbach ask for different values of epochs \(3\.0 and 20\.0\): "
            r"say which one under `recipe`",
        ),
        ("{plugin: [llrd, reinit, zhang]}", r"llrd and zhang ask for different values of epochs"),
        ("{plugin: [reinit, zhang], recipe: {epochs: 3}}", r"reinit and zhang are one method \(ReInit\)"),
        (
            "{plugin: [reinit, llrd], options: {layers: 3}}",
            "unknown plugin in strategies.mine.options 'layers'.*options stand under the name of theirs",
        ),
        ("{plugin: [reinit, llrd], options: {llrd: 0.9}}", "options.llrd: found 0.9, expected the plugin's options"),
        ("{plugin: [reinit, llrd], options: {reinit: {factor: 1}}}", "unknown option of strategy 'reinit' .* 'factor'"),
        ("{plugin: [reinit, llrd], options: {llrd: {factor: 2}}}", "options of strategy 'llrd' .*: factor: found 2"),
    ],
)
def test_what_cannot_be_composed_is_said(configured: Any, block: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        resolved(configured(block))


def test_each_member_is_asked_with_its_own_options_whether_a_model_suits_it(configured: Any) -> None:
    def asked(include: str) -> str | None:
        options = f"{{mixout: {{include: ['{include}']}}}}"
        config = configured(f"{{plugin: [llrd, mixout], recipe: {{bias_correction: true}}, options: {options}}}")
        found = resolve_strategy(config.strategies["mine"], "mine", Path())
        return found.unsupported(tiny.inputs("bert").architecture)

    assert "found *.nothing, expected patterns" in str(asked("*.nothing"))
    assert asked("*.query.weight") is None


def test_what_params_yaml_sets_of_the_recipe_stands_beside_what_the_plugins_say_of_themselves(configured: Any) -> None:
    def said(block: str) -> str:
        return resolve_strategy(configured(block).strategies["mine"], "mine", Path()).description

    plain = said("{plugin: devlin, recipe: {learning_rate: null}}")
    assert plain == STRATEGIES.load("devlin").description
    written = "{learning_rate: 9.659e-5, epochs: 15, dropout: model, bias_correction: true}"
    assert said(f"{{plugin: devlin, recipe: {written}}}") == (
        f"{plain}; here learning_rate: 9.659e-05, epochs: 15, bias_correction: true, dropout: model"
    )


def test_params_yaml_settles_what_two_recipes_disagree_on(configured: Any) -> None:
    _, recipe = resolved(configured("{plugin: [reinit, mosbach], recipe: {epochs: 10}}"))
    assert recipe.epochs == 10.0


def test_two_owners_of_one_hook_are_refused(configured: Any, tmp_path: Path) -> None:
    hook = "def loss(self, model, weights, batch, ctx): ..."
    body = f"from stabbench import Strategy\n\nclass Mine(Strategy):\n    {hook}\n"
    (tmp_path / "mine.py").write_text(body)
    config = configured("{plugin: [r3f, './mine.py:Mine']}")
    with pytest.raises(UserError, match=r"r3f and \./mine\.py:Mine both define `loss`"):
        resolve_strategy(config.strategies["mine"], "mine", tmp_path)


@pytest.mark.parametrize(
    ("name", "version", "options"),
    [
        ("reinit", "1", {"layers": 5}),
        ("zhang", "1", {"layers": 5}),
        ("llrd", "1", {"factor": 0.95}),
        ("pretrained-decay", "2", {"decay": 1e-3}),
        ("l2-sp", "1", {"alpha": 0.1, "beta": 0.01}),
        ("child-tuning-f", "1", {"probability": 0.3}),
        ("child-tuning-d", "1", {"probability": 0.3}),
    ],
)
def test_a_built_in_alone_is_found_with_its_published_defaults(
    configured: Any, name: str, version: str, options: dict[str, object]
) -> None:
    plugins, recipe = resolved(configured(f"{{plugin: {name}}}"))
    assert plugins == ({"plugin": name, "version": version, "options": options},)
    assert recipe.bias_correction
    assert recipe.learning_rate == 1e-3
    assert STRATEGIES.load(name).reference


def test_hooks_run_in_order_and_each_member_draws_its_own() -> None:
    members = ((ReInit(), ReInitOptions(1)), (LayerwiseDecay(), LayerwiseDecayOptions()))
    backwards = tiny.inputs(strategies=members[::-1])
    training = Training(backwards, tiny.seeds(1), torch.device("cpu"))
    assert [type(strategy) for strategy, _ in training.strategies.members] == [LayerwiseDecay, ReInit]
    assert [ctx.place for _, ctx in training.strategies.members] == ["0:", "1:"]
    name = "bert.pooler.dense.weight"
    forwards = Training(tiny.inputs(strategies=members), tiny.seeds(1), torch.device("cpu")).start()
    assert not torch.equal(forwards.weights[name], training.start().weights[name])


def test_a_moment_stays_where_it_is_and_its_hooks_know_the_factors_of_all() -> None:
    members = ((LayerwiseDecay(), LayerwiseDecayOptions(0.5)), (ChildTuningF(), ChildTuningOptions(0.5)))
    strategies = Training(tiny.inputs(strategies=members), tiny.seeds(1), torch.device("cpu")).strategies
    early, late = strategies.at(1, 0.5), strategies.at(2, 0.25)
    name = "bert.embeddings.word_embeddings.weight"
    for moment, step, rate in ((early, 1, 0.5), (late, 2, 0.25)):
        factor = moment.scale(name)[0]
        assert 0 < factor < 1
        for ctx in moment.contexts:
            assert (ctx.step, ctx.learning_rate, ctx.rate(name)) == (step, rate, rate * factor)
    first, second, again = ({"bias": torch.ones(1, 64, dtype=torch.float64)} for _ in range(3))
    early.before_update({}, first, {})
    late.before_update({}, second, {})
    early.before_update({}, again, {})
    assert torch.equal(first["bias"], again["bias"])
    assert not torch.equal(first["bias"], second["bias"])


def test_a_hook_cannot_change_what_it_is_told() -> None:
    strategies = Training(
        tiny.inputs(strategies=((LayerwiseDecay(), LayerwiseDecayOptions()),)), tiny.seeds(1), torch.device("cpu")
    ).strategies
    (ctx,) = strategies.at(1, 0.5).contexts
    with pytest.raises(FrozenInstanceError):
        ctx.step = 2  # type: ignore[misc]


def test_three_together_train_and_scale_as_they_do_alone() -> None:
    members = (
        (ReInit(), ReInitOptions(1)),
        (LayerwiseDecay(), LayerwiseDecayOptions(0.5)),
        (ChildTuningF(), ChildTuningOptions(1.0)),
    )
    both = tiny.inputs(strategies=members[:2], dropout=0.0, epochs=1.0)
    (without,), (result,) = (
        train(tiny.inputs(strategies=some, dropout=0.0, epochs=1.0), tiny.seeds(1)) for some in (members[:2], members)
    )
    moment = Training(both, tiny.seeds(1), torch.device("cpu")).strategies.at(0, 0.0)
    assert moment.scale("bert.pooler.dense.weight") == (1.0, 1.0)
    for name, weight in without.weights.items():
        torch.testing.assert_close(result.weights[name], weight, rtol=0, atol=1e-10)
    assert {group["learning_rate"] for group in result.data["parameter_groups"]} == {3e-3 * 0.5**k for k in range(5)}


class Asked(LayerwiseDecay):
    """Counts how often it is asked for the factors of the classifier."""

    scales_are_fixed = True

    def __init__(self) -> None:
        self.count = 0

    def scale(self, name: str, ctx: Any) -> tuple[float, float]:
        self.count += name == "classifier.weight"
        return super().scale(name, ctx)


class AskedAnew(Asked):
    """Its factors are its own, and it does not say that they are fixed."""

    def scale(self, name: str, ctx: Any) -> tuple[float, float]:
        return super().scale(name, ctx)


def asked_in_four_updates(strategy: Asked) -> int:
    strategies = ((strategy, LayerwiseDecayOptions()),)
    training = Training(tiny.inputs(strategies=strategies), tiny.seeds(1), torch.device("cpu"))
    state = training.start()
    strategy.count = 0
    for _ in range(4):
        training.update(state)
    return strategy.count


def test_fixed_factors_are_asked_for_once_and_those_of_a_subclass_every_time() -> None:
    assert asked_in_four_updates(Asked()) == 1
    assert asked_in_four_updates(AskedAnew()) == 4
