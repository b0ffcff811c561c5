"""Heads, their first values, dropout and logits are those of transformers, in every family."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from transformers import AutoModelForSequenceClassification

from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.models.batch import TokenizedTexts, make_batch
from stabbench.models.dropout import Dropout
from stabbench.models.families import architecture_of, encoder_of, read_architecture
from stabbench.models.weights import initial_weights, pretrained_weights, save_classifier
from stabbench.randomness import Draws
from stabbench.recipe import Recipe
from stabbench.tasks.objectives.contract import Trivial
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from stabbench.training.outcome import RunResult
from tests import tiny
from tests.foreign.tiny_families import FAMILIES, FORMS, LABELS, OWN_DROPOUT, VOCABULARY, config, write

SEEDS = 40
every_family = pytest.mark.parametrize("family", FAMILIES)
every_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    root = tmp_path_factory.mktemp("models")
    return {(family, form): write(family, form, root / f"{family}-{form}") for family in FAMILIES for form in FORMS}


def transformers_classifier(folder: Path) -> tuple[Any, set[str]]:
    """What transformers makes of a folder, and what it reports as missing there."""
    auto: Any = AutoModelForSequenceClassification
    model, info = auto.from_pretrained(folder, num_labels=LABELS, output_loading_info=True)
    return model.eval(), set(info["missing_keys"])


@every_family
@every_form
def test_what_is_new_is_what_transformers_misses(folders: dict[tuple[str, str], Path], family: str, form: str) -> None:
    folder = folders[family, form]
    model, missing = transformers_classifier(folder)
    architecture = read_architecture(folder, LABELS)
    found = pretrained_weights(folder, architecture, torch.float32)
    assert set(architecture.shapes()) - set(found) == missing
    theirs = dict(model.named_parameters())
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in found.items())


def test_the_pretrained_head_of_a_masked_modernbert_is_taken(folders: dict[tuple[str, str], Path]) -> None:
    _, missing = transformers_classifier(folders["modernbert", "masked"])
    assert missing == {"classifier.weight", "classifier.bias"}
    _, missing = transformers_classifier(folders["modernbert", "base"])
    assert {"head.dense.weight", "head.norm.weight"} < missing


@cache
def first_values(family: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Each tensor outside the encoder, `(seeds, …)`: ours by our seeds, and transformers' by its own."""
    architecture = architecture_of(config(family).to_dict(), LABELS)
    encoder = {
        name: torch.zeros(shape) for name, shape in architecture.shapes().items() if not _outside(architecture, name)
    }
    ours = [initial_weights(encoder, architecture, seed, torch.float64) for seed in range(SEEDS)]
    auto: Any = AutoModelForSequenceClassification
    theirs = []
    with torch.random.fork_rng(devices=[]):
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            theirs.append(auto.from_config(config(family)).state_dict())
    names = [name for name in architecture.shapes() if name not in encoder]
    return tuple({name: torch.stack([run[name] for run in runs]).double() for name in names} for runs in (ours, theirs))  # type: ignore[return-value]


def _outside(architecture: Architecture, name: str) -> bool:
    return ".pooler" in name or not name.startswith(f"{architecture.prefix}.")


@every_family
def test_new_tensors_begin_with_transformers_own_mean_and_deviation(family: str) -> None:
    """To five standard errors of each, over all seeds and values."""
    ours, theirs = first_values(family)
    assert any(tensor.std() > 0 for tensor in ours.values())
    for name, tensor in ours.items():
        deviation = float(theirs[name].std())
        if deviation == 0:
            assert torch.equal(tensor, theirs[name]), name
            continue
        error = deviation / tensor.numel() ** 0.5
        assert float(tensor.mean()) == pytest.approx(0, abs=5 * error), name
        assert float(tensor.std()) == pytest.approx(deviation, abs=5 * error), name
        assert float(tensor.abs().max()) == pytest.approx(float(theirs[name].abs().max()), rel=0.3), name


def test_modernberts_classifier_is_a_normal_that_is_cut() -> None:
    sigma = 32**-0.5
    values = first_values("modernbert")[0]["classifier.weight"]
    assert float(values.abs().max()) <= 2 * sigma
    assert float(values.std()) == pytest.approx(0.88 * sigma, rel=0.03)
    dense = first_values("modernbert")[0]["head.dense.weight"]
    assert float(dense.std()) == pytest.approx(0.88 * 0.02 / (2 * 2) ** 0.5, rel=0.02)


@every_family
def test_first_values_are_functions_of_the_seed_alone(family: str) -> None:
    architecture = architecture_of(config(family).to_dict(), LABELS)
    torch.manual_seed(1)
    first = initial_weights({}, architecture, 1, torch.float64)
    torch.manual_seed(2)
    again, other = (initial_weights({}, architecture, seed, torch.float64) for seed in (1, 2))
    part = {name: tensor for name, tensor in first.items() if not architecture.is_new(name)}
    alone = initial_weights(part, architecture, 1, torch.float64)
    head = f"{architecture.classifier}.weight"
    assert torch.equal(first[head], again[head])
    assert torch.equal(first[head], alone[head])
    assert not torch.equal(first[head], other[head])
    assert all(bool(tensor.isfinite().all()) for tensor in first.values())


def test_heads_of_our_own_families_are_bit_for_bit_what_they_were() -> None:
    for family in ("bert", "roberta", "albert"):
        architecture = architecture_of(config(family).to_dict(), LABELS)
        drawn = initial_weights({}, architecture, 7, torch.float64)
        name = f"{architecture.classifier}.weight"
        expected = Draws(7, "head").normal(name, drawn[name].shape) * 0.02
        assert np.array_equal(drawn[name].numpy(), expected)


def test_another_initializer_range_of_our_own_families_is_that_of_their_heads() -> None:
    own = architecture_of(config("bert").to_dict() | {"initializer_range": 0.05}, LABELS)
    drawn = initial_weights({}, own, 7, torch.float64)["classifier.weight"]
    usual = initial_weights({}, architecture_of(config("bert").to_dict(), LABELS), 7, torch.float64)[
        "classifier.weight"
    ]
    torch.testing.assert_close(drawn, usual * 2.5)


class Asked(TorchFunctionMode):
    """Notes with which probability each dropout of a pass is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.probabilities: list[float] = []

    def __torch_function__(self, func: Any, types: Sequence[type], args: Any = (), kwargs: Any = None) -> Any:
        if func is F.dropout:
            given = dict(zip(("input", "p", "training"), args, strict=False)) | (kwargs or {})
            self.probabilities.append(given["p"] if given.get("training", True) else 0.0)
        return func(*args, **(kwargs or {}))


class Noted(Dropout):
    """Notes with which probability each place of a pass drops."""

    def __init__(self, probability: float | None, noted: list[float]) -> None:
        super().__init__(probability, [Draws(1, "dropout")], 0)
        self.noted = noted

    def asked(self, probability: float) -> Dropout:
        return self if self.probability is not None else Noted(probability, self.noted)

    def rows(self, *given: Any) -> Tensor | None:
        self.noted.append(float(self.probability or 0))
        return super().rows(*given)

    def factors(self, *given: Any) -> Tensor | None:
        self.noted.append(float(self.probability or 0))
        return super().factors(*given)

    def attention(self, *given: Any) -> list[Tensor] | None:
        self.noted.append(float(self.probability or 0))
        return super().attention(*given)


def texts(count: int, seed: int, segments: int) -> TokenizedTexts:
    """Random texts of the tiny vocabulary; without a second segment where the model has none."""
    found = tiny.texts(count, seed=seed, labels=LABELS, pieces=VOCABULARY)
    return found if segments > 1 else dataclasses.replace(found, segments=np.zeros_like(found.segments))


def dropped_with(family: str, probability: float | None, **fields: float) -> list[float]:
    """The probability at each place of one of our passes in training, of a config with other `fields`."""
    architecture = architecture_of(config(family, **fields).to_dict(), LABELS)
    weights = {name: torch.ones((1, *shape)) for name, shape in architecture.shapes().items()}
    batch = make_batch(texts(4, 1, architecture.segments), [np.arange(4)], torch.float32, torch.device("cpu"))
    noted: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STABBENCH_KERNEL", "off")
        encoder_of(architecture).classify(weights, batch, Noted(probability, noted))
    return noted


@pytest.mark.parametrize("family", OWN_DROPOUT)
def test_each_place_has_the_dropout_of_the_models_config(family: str) -> None:
    auto: Any = AutoModelForSequenceClassification
    model = auto.from_config(config(family), attn_implementation="eager").train()
    with Asked() as asked:
        model(torch.full((2, 8), 7))
    assert dropped_with(family, None) == asked.probabilities
    assert len(set(asked.probabilities)) > 1 or family in ("xlm-roberta", "camembert", "mpnet")


def test_a_published_modernbert_drops_nothing_and_deberta_nothing_in_its_pooler() -> None:
    published = dict.fromkeys(("embedding_dropout", "attention_dropout", "mlp_dropout", "classifier_dropout"), 0.0)
    assert set(dropped_with("modernbert", None, **published)) == {0.0}
    places = dropped_with("deberta-v3", None)
    assert set(places) == {0.0, 0.1, 0.2}
    assert places[-2:] == [0.0, 0.1]  # the pooler's, the classifier's


@pytest.mark.parametrize("family", OWN_DROPOUT)
def test_a_recipes_dropout_holds_in_every_place(family: str) -> None:
    assert set(dropped_with(family, 0.4)) == {0.4}


def trained(folder: Path, family: str, **recipe: Any) -> tuple[TrainingInputs, RunResult]:
    architecture = read_architecture(folder, LABELS)
    values = {"batch_size": 4, "epochs": 1.0, "learning_rate": 1e-3, **recipe}
    inputs = TrainingInputs(
        architecture=architecture,
        pretrained=pretrained_weights(folder, architecture, torch.float32),
        train=texts(12, 1, architecture.segments),
        dev=texts(6, 2, architecture.segments),
        metrics=("accuracy",),
        trivial=Trivial(0, {"accuracy": 0.5}, {}),
        recipe=Recipe().override(families.find(FAMILIES[family][0]).defaults).override(values),
        strategies=(),
    )
    (result,) = train(inputs, tiny.seeds(1))
    return inputs, result


@every_family
@every_form
def test_the_kept_classifier_gives_the_logits_of_the_evaluation(
    folders: dict[tuple[str, str], Path], family: str, form: str, tmp_path: Path
) -> None:
    folder = folders[family, form]
    inputs, result = trained(folder, family)
    save_classifier(tmp_path / "kept", result.weights, folder, ("a", "b", "c"), inputs.recipe.dropout)
    auto: Any = AutoModelForSequenceClassification
    model, info = auto.from_pretrained(tmp_path / "kept", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    recorded = np.stack(result.tables["predictions.parquet"]["logits"].to_list())
    assert np.ptp(recorded, axis=0).max() > 1e-3
    for row in range(len(inputs.dev)):
        given = tiny.padded(inputs.dev, np.array([row]), inputs.architecture.padding_id)
        if inputs.architecture.segments < 2:
            del given["token_type_ids"]
        with torch.no_grad():
            logits = model.eval()(**given).logits[0].numpy()
        np.testing.assert_allclose(logits, recorded[row], rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", OWN_DROPOUT)
def test_the_kept_config_says_which_dropout_it_was_trained_with(
    folders: dict[tuple[str, str], Path], family: str, tmp_path: Path
) -> None:
    folder = folders[family, "base"]
    architecture = read_architecture(folder, LABELS)
    weights = initial_weights(pretrained_weights(folder, architecture, torch.float32), architecture, 1, torch.float32)
    source = json.loads((folder / "config.json").read_text())
    fields = [name for name in source if "dropout" in name]
    for dropout in ("model", 0.25):
        save_classifier(tmp_path / str(dropout), weights, folder, ("a", "b", "c"), dropout)
        kept = json.loads((tmp_path / str(dropout) / "config.json").read_text())
        assert {name: kept.get(name) for name in fields} == {
            name: source[name] if dropout == "model" else dropout for name in fields
        }
    places = {module.p for module in _kept(tmp_path / "0.25").modules() if isinstance(module, torch.nn.Dropout)}
    assert places <= {0.25}


def _kept(folder: Path) -> Any:
    auto: Any = AutoModelForSequenceClassification
    return auto.from_pretrained(folder)
