"""What nobody guarded of models: draws of their own, who computes them, and what their tensors are."""

from __future__ import annotations

import importlib.metadata
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers
from click.testing import CliRunner, Result

from stabbench.analysis.gradients import Run
from stabbench.analysis.hyperparameters import departures
from stabbench.analysis.layers import layer_norms
from stabbench.analysis.matrices import KINDS, OUTSIDE, matrix_norms, matrix_of
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.execution.loading import load_inputs
from stabbench.models.architecture import Architecture
from stabbench.models.batch import make_batch
from stabbench.models.dropout import Dropout
from stabbench.models.families import architecture_of, encoder_of
from stabbench.models.families.huggingface.padding import check_padding
from stabbench.models.families.huggingface.reading import read as huggingface_architecture
from stabbench.models.families.huggingface.trial import check_by_trial
from stabbench.models.keyed_draws import RefuseUnkeyedDraws, UnkeyedDrawError
from stabbench.models.roles import roles_of
from stabbench.models.word_pieces import write_word_pieces
from stabbench.plan import Cell
from stabbench.randomness import Draws
from stabbench.records import Selection
from stabbench.tasks import embedded
from stabbench.tensor_roles import OTHER, TensorRoles
from tests import tiny
from tests.foreign.tiny_families import FAMILIES, LABELS, NATIVE, config, write

VALUES = torch.linspace(0.1, 0.9, 12).reshape(3, 4)
DRAWING: dict[str, Callable[[], object]] = {
    "rand": lambda: torch.rand(2),
    "randn_like": lambda: torch.randn_like(VALUES),
    "randint": lambda: torch.randint(3, (2,)),
    "randperm": lambda: torch.randperm(4),
    "bernoulli": lambda: torch.bernoulli(VALUES),
    "multinomial": lambda: torch.multinomial(VALUES, 1),
    "normal_": lambda: torch.empty(3).normal_(),
    "uniform_": lambda: torch.empty(3).uniform_(),
    "exponential_": lambda: torch.empty(3).exponential_(),
    "dropout": lambda: F.dropout(VALUES, 0.1),
    "alpha_dropout": lambda: F.alpha_dropout(VALUES, 0.1, training=True),
    "dropout1d": lambda: F.dropout1d(VALUES, 0.1),
    "rrelu": lambda: F.rrelu(VALUES, training=True),
    "gumbel_softmax": lambda: F.gumbel_softmax(VALUES),
    "attention with dropout": lambda: F.scaled_dot_product_attention(
        VALUES[None], VALUES[None], VALUES[None], dropout_p=0.1
    ),
    "NumPy": lambda: np.random.permutation(4),
    "Python": lambda: random.random(),
}


@pytest.mark.parametrize("name", DRAWING)
def test_a_draw_that_no_seed_decides_raises(name: str) -> None:
    with pytest.raises(UnkeyedDrawError, match=r"the hook draws from .*own generator"), RefuseUnkeyedDraws("the hook"):
        DRAWING[name]()


def test_what_draws_nothing_passes() -> None:
    with RefuseUnkeyedDraws("the hook"):
        F.scaled_dot_product_attention(VALUES[None], VALUES[None], VALUES[None])
        F.rrelu(VALUES)
        F.dropout(VALUES, 0.5, training=False)
        Draws(1, "strategy").normal("noise", (3,))
        np.random.default_rng(1).random(3)


LAYER_DROP = {"model_type": "flaubert", "vocab_size": 60, "emb_dim": 16, "n_layers": 2, "n_heads": 2, "layerdrop": 0.5}
BIG_BIRD = {"model_type": "big_bird", "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64}  # fmt: skip


@pytest.mark.parametrize(("drawing", "function"), [(LAYER_DROP, "aten.rand"), (BIG_BIRD, "aten.uniform_")])
def test_a_model_that_draws_by_itself_is_refused_by_a_trial(drawing: dict[str, object], function: str) -> None:
    with pytest.raises(UserError, match=f"'{drawing['model_type']}' models .*{function}.* on its seeds alone"):
        check_by_trial(huggingface_architecture(drawing, 2), "config.json")


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"model_type": "longformer", "attention_window": [4]}, "cannot be given embeddings in the place of tokens"),
        (
            {
                "model_type": "reformer",
                "attn_layers": ["lsh"],
                "is_decoder": False,
                "axial_pos_embds_dim": [8, 8],
                "axial_pos_shape": [4, 4],
                "lsh_attn_chunk_length": 4,
                "num_buckets": 4,
                "attention_head_size": 8,
            },
            "draws random numbers of its own",
        ),
    ],
)
def test_what_a_trial_shows_is_said(other: dict[str, object], reason: str) -> None:
    sizes = {name: value for name, value in BIG_BIRD.items() if name != "model_type"}
    with pytest.raises(UserError, match=f"'{other['model_type']}' models .*{reason}"):
        check_by_trial(huggingface_architecture(sizes | other, 2), "config.json")


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"model_type": "esm", "pad_token_id": 1, "mask_token_id": 4, "token_dropout": True}, "be given embeddings"),
        ({"model_type": "mra"}, "compute texts of several lengths in fp64"),
        ({"model_type": "xmod"}, "Input language unknown"),
    ],
)
def test_what_no_name_tells_is_measured(other: dict[str, object], reason: str) -> None:
    sizes = {name: value for name, value in BIG_BIRD.items() if name != "model_type"}
    found = huggingface_architecture(sizes | other, 2)
    with pytest.raises(UserError, match=f"'{other['model_type']}' models .*{reason}"):
        measured(found)


def measured(found: Architecture) -> None:
    check_by_trial(found, "config.json")
    check_padding(found, "config.json")


def test_the_same_model_is_taken_where_its_config_draws_nothing() -> None:
    check_by_trial(huggingface_architecture(LAYER_DROP | {"layerdrop": 0.0}, 2), "config.json")


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in NATIVE])
def test_no_promised_family_is_refused(family: str) -> None:
    check_by_trial(huggingface_architecture(config(family).to_dict(), LABELS), "config.json")


def test_a_training_pass_refuses_what_an_evaluation_does_not_draw() -> None:
    architecture = huggingface_architecture(LAYER_DROP, 2)
    weights = {name: torch.ones((1, *shape)) for name, shape in architecture.shapes().items()}
    batch = make_batch(tiny.texts(2, seed=1), [np.arange(2)], torch.float32, torch.device("cpu"))
    encoder = encoder_of(architecture)
    assert encoder.classify(weights, batch).shape == (1, 2, 2)
    with pytest.raises(UnkeyedDrawError, match="the forward pass of 'flaubert' draws from torch's own generator"):
        encoder.classify(weights, batch, Dropout(0.1, [Draws(1, "dropout")], 0))


PARAMS = """
preset: test
seeds: 1-2
grid: {models: [modernbert, deberta, bert], tasks: [acceptability], strategies: [devlin, hf-default, mixout]}
models:
  modernbert: {source: ./modernbert, learning_rate: 1.0e-3, recipe: {max_length: 32}}
  deberta: {source: ./deberta-v3, learning_rate: 1.0e-3, recipe: {max_length: 32}}
  bert: {source: ./bert, learning_rate: 1.0e-3, recipe: {max_length: 32}}
tasks:
  acceptability: {dataset: acceptability, train_size: 32, dev_size: 16}
strategies:
  devlin: {plugin: devlin, recipe: {epochs: 1}}
  hf-default: {plugin: hf-default}
  mixout: {plugin: mixout}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    for family in ("modernbert", "deberta-v3", "bert"):
        folder = tmp_path / family
        folder.mkdir()
        size = write_word_pieces(folder, embedded.vocabulary(), 64)
        others = {"conv_kernel_size": 3} if family == "deberta-v3" else {}  # which is left to transformers' module
        write(family, "masked", folder, vocab_size=size, pad_token_id=0, **others)
    assert run("prepare").exit_code == 0
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def cell(model: str, strategy: str = "devlin") -> Cell:
    return Cell.read(Path("plan") / model / "acceptability" / f"{strategy}.json")


def edit(file: Path, **fields: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def test_a_plan_names_what_computes_a_model_that_is_not_ours(project: Path) -> None:
    assert run("plan").exit_code == 0
    version = ".".join(transformers.__version__.split(".")[:2])
    assert cell("deberta").spec["model"]["computed_by"] == f"transformers {version}"
    for ours in ("bert", "modernbert"):
        assert cell(ours).spec["model"].keys() == {"architecture", "content_hash"}
    assert cell("bert").tensors.of("bert.encoder.layer.1.intermediate.dense.weight").part == "intermediate"
    assert cell("modernbert").tensors.of("model.layers.1.attn.Wqkv.weight").layer == "layer 2"
    recipes = {(model, name): cell(model, name).recipe().dropout for model in ("modernbert", "bert")
               for name in ("devlin", "hf-default", "mixout")}  # fmt: skip
    assert recipes == {
        ("modernbert", "devlin"): "model", ("modernbert", "hf-default"): "model", ("modernbert", "mixout"): 0.0,
        ("bert", "devlin"): 0.1, ("bert", "hf-default"): 0.1, ("bert", "mixout"): 0.0,
    }  # fmt: skip


def test_numbers_of_two_versions_of_transformers_share_no_table(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = ("train", "--model", "deberta", "--strategy", "devlin", "--seeds", "1", "--workers", "1")
    assert run("plan").exit_code == 0
    before, ours = cell("deberta"), cell("bert")
    assert "1 trained, 0 already there" in run(*train).output
    assert "0 trained, 1 already there" in run(*train).output
    monkeypatch.setattr(importlib.metadata, "version", {"transformers": "5.99.1"}.__getitem__)
    with pytest.raises(
        UserError, match=r"here it is computed_by transformers 5\.99, batches by length: run `stabbench"
    ):
        load_inputs(before, project)
    assert run("plan").exit_code == 0
    after = cell("deberta")
    assert after.spec["model"]["computed_by"] == "transformers 5.99"
    assert {before.fingerprint(seed) for seed in (1, 2)} & {after.fingerprint(seed) for seed in (1, 2)} == set()
    assert cell("bert").fingerprint(1) == ours.fingerprint(1)
    assert "1 trained, 0 already there" in run(*train).output
    (selected,) = Selection.read(Path("runs")).cells
    assert selected.records[1].spec.model.others["computed_by"] == "transformers 5.99"


def test_a_model_that_draws_by_itself_is_refused_when_planning(project: Path) -> None:
    size = json.loads((project / "deberta-v3/config.json").read_text())["vocab_size"]
    (project / "deberta-v3/config.json").write_text(json.dumps(LAYER_DROP | {"vocab_size": size}))
    result = run("plan")
    assert result.exit_code == 2
    message = " ".join(result.output.split())
    assert "'flaubert' models cannot be fine-tuned here: it draws random numbers of its own" in message


def test_our_own_families_take_a_number_for_dropout(project: Path) -> None:
    (project / "params.yaml").write_text(PARAMS.replace("{epochs: 1}", "{epochs: 1, dropout: model}"))
    result = run("plan")
    assert result.exit_code == 2
    assert "bert models are trained with one probability in all places: give a number" in " ".join(
        result.output.split()
    )


def test_another_initializer_range_is_part_of_the_spec(project: Path) -> None:
    edit(project / "bert/config.json", initializer_range=0.05)
    assert run("plan").exit_code == 0
    assert cell("bert").spec["model"]["initial_std"] == 0.05


def test_a_correct_run_of_another_family_is_told_as_correct(project: Path) -> None:
    """Every norm is spared decay by training, and the report knows which are norms."""
    assert run("plan").exit_code == 0
    for model in ("modernbert", "deberta"):
        result = run("train", "--model", model, "--strategy", "devlin", "--seeds", "1", "--workers", "1")
        assert result.exit_code == 0, result.output
    found = {item.cell.model: item for item in Selection.read(Path("runs")).cells}
    for model in ("modernbert", "deberta"):
        item = found[model]
        assert departures(item) == []
        spared = [
            name
            for group in item.records[1].result.parameter_groups
            if not group.weight_decay
            for name in group.tensors
        ]
        assert any("norm" in name.lower() for name in spared)
        assert {name for name in spared if item.cell.tensors.of(name).decays} == set()
    item = found["modernbert"]
    assert departures(type(item)(replace(item.cell, tensors=TensorRoles()), item.records)) != []
    figures = {
        model: matrix_norms(run.record.gradnorms(), run.tensors)
        for model, item in found.items()
        for run in [Run("devlin", 1, item.records[1], item.cell.tensors)]
    }
    assert list(figures["deberta"]) == [*KINDS, OUTSIDE]
    assert list(figures["modernbert"]) == [
        "attention output", "intermediate", "output", "query, key and value", OUTSIDE,
    ]  # fmt: skip
    for model, item in found.items():
        layers = ["embeddings", "layer 1", "layer 2", "pooler", "classifier"]
        assert list(layer_norms(item.records[1].gradnorms(), item.cell.tensors).columns) == layers
        assert all(len(table.columns) == 2 for kind, table in figures[model].items() if kind != OUTSIDE)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_matrix_of_a_family_drops_out_of_the_figures(family: str) -> None:
    architecture = architecture_of(config(family).to_dict(), LABELS)
    shapes, facts = architecture.shapes(), architecture.facts()
    roles = roles_of(architecture)
    placed = {name for name in shapes if matrix_of(name, roles) is not None}
    assert placed == {name for name, shape in shapes.items() if len(shape) > 1}
    assert all(roles.of(name).decays == facts[name].decays for name in shapes)
    assert all(matrix_of(name, roles)[0] == fact.part for name, fact in facts.items() if fact.part)  # type: ignore[index]
    assert all(roles.of(name).kind == facts[name].kind and roles.of(name).layer != OTHER for name in shapes)
    assert len(json.dumps(roles)) < 4000
