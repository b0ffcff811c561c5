"""Families of models are peers: every one gives the same set of answers, and can do what it says that it can."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import CONFIG_MAPPING

from stabbench.errors import UserError
from stabbench.models import architecture as module_of_architecture
from stabbench.models import encoder, families
from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch, make_batch
from stabbench.models.dropout import Dropout
from stabbench.models.folder import ModelFolder
from stabbench.models.kernel.library import library_for
from stabbench.models.kernel.step import PlainStep
from stabbench.models.roles import roles_of
from stabbench.models.vocabulary import VocabularyCut
from stabbench.models.weights import initial_weights, pretrained_weights
from stabbench.randomness import Draws
from stabbench.recipe import Recipe
from tests import tiny
from tests.foreign.tiny_families import FAMILIES, LABELS, NATIVE, VOCABULARY, config, write

KINDS = {"embedding", "attention", "feed_forward", "layer_norm", "pooler", "classifier"}
every_family = pytest.mark.parametrize("family", FAMILIES)
TEXTS = tiny.texts(6, seed=1, labels=LABELS, pieces=VOCABULARY - 20)


@cache
def architecture(family: str) -> Architecture:
    return families.architecture_of(config(family).to_dict(), LABELS)


def weights(family: str, *seeds: int) -> dict[str, Tensor]:
    """New weights of every tensor, `(seeds, …)`, matrices larger than they are drawn."""
    runs = [initial_weights({}, architecture(family), seed, torch.float64) for seed in seeds]
    stacked = {name: torch.stack([run[name] for run in runs]) for name in runs[0]}
    return {name: 3 * tensor if tensor.dim() > 2 else tensor for name, tensor in stacked.items()}


def batch(*chosen: list[int]) -> Batch:
    runs = [np.array(numbers) for numbers in chosen]
    return make_batch(TEXTS, runs, torch.float64, torch.device("cpu"), segments=False)


@every_family
def test_an_architecture_names_the_family_that_read_it(family: str) -> None:
    found = families.find(FAMILIES[family][0])
    assert families.of(architecture(family)) is found
    assert (found is families.OTHERS) == (family not in NATIVE)


def test_an_architecture_is_data_that_imports_no_model() -> None:
    tree = ast.parse(Path(module_of_architecture.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name and name.startswith("stabbench")} == {"stabbench.errors"}
    assert Architecture.__subclasses__() == []


def test_a_config_is_read_without_torch_where_transformers_is_not_asked() -> None:
    config = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    program = (
        "import sys; from stabbench.models import families; "
        f"families.architecture_of({config} | {{'model_type': 'roberta'}}, 2); "
        "print(sorted({'torch', 'transformers', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@every_family
def test_an_architecture_is_the_same_wherever_it_is_read(family: str) -> None:
    first = architecture(family)
    again = families.architecture_of(json.loads(json.dumps(config(family).to_dict())), LABELS)
    for other in (again, pickle.loads(pickle.dumps(first))):
        assert other == first
        assert hash(other) == hash(first)
    assert families.architecture_of(config(family).to_dict(), LABELS + 1) != first


@every_family
def test_what_is_told_of_tensors_fits_together(family: str) -> None:
    found = architecture(family)
    shapes, facts = found.shapes(), found.facts()
    assert len(shapes) == len(found.tensors)
    assert shapes[found.word_embeddings] == (found.vocabulary_size, found.embedding_size)
    assert shapes[f"{found.classifier}.weight"][0] == LABELS
    new = {name for name in shapes if found.is_new(name)}
    assert {f"{found.classifier}.weight", f"{found.classifier}.bias"} <= new
    assert all(found.may_lack(name) for name in new)
    assert {fact.kind for fact in facts.values()} <= KINDS
    assert {fact.depth for fact in facts.values()} == set(range(2 if found.shares_layers else found.layers + 1)) | {
        found.layers + 1
    }
    for tensor in found.tensors:
        fact = tensor.facts
        assert not fact.linear_weight or (len(tensor.shape) == 2 and fact.decays)
        assert not fact.part or (1 <= fact.depth <= found.layers and fact.decays)
        assert not tensor.name.endswith(".bias") or not fact.decays


@every_family
def test_defaults_fill_a_recipe_and_fields_are_transformers(family: str) -> None:
    kind = FAMILIES[family][0]
    found = families.find(kind)
    recipe = Recipe().override(found.defaults)
    assert (recipe.one_dropout is None) == found.capabilities.own_dropout
    usual: Any = CONFIG_MAPPING[kind]()
    for name in ("vocab_size", "max_position_embeddings", "pad_token_id", "type_vocab_size"):
        assert found.field({"model_type": kind}, name) == getattr(usual, name, None)
        assert found.field({"model_type": kind, name: 7}, name) == 7


@every_family
def test_a_spec_and_a_plan_say_what_the_model_is(family: str) -> None:
    found = architecture(family)
    fields, roles = families.of(found).spec_fields(found), roles_of(found)
    assert json.loads(json.dumps(fields)) == fields
    assert not fields.keys() & {"architecture", "content_hash"}
    assert {roles.of(name).kind for name in found.shapes()} <= {fact.kind for fact in found.facts().values()}


@every_family
def test_first_values_are_pretrained_or_drawn_and_none_is_both(family: str, tmp_path: Path) -> None:
    folder = write(family, "base", tmp_path)
    found = families.read_architecture(folder, LABELS)
    taken = pretrained_weights(folder, found, torch.float32)
    new = [name for name in found.shapes() if name not in taken]
    assert {name for name in found.shapes() if found.is_new(name)} <= set(new)
    assert all(found.may_lack(name) for name in new)
    drawn = families.of(found).drawn(found, new, Draws(1, "head"))
    assert drawn.keys() == set(new)
    for name, tensor in (taken | drawn).items():
        assert tuple(tensor.shape) == found.shapes()[name]
        assert tensor.dtype == (torch.float64 if name in drawn else torch.float32)
        assert bool(tensor.isfinite().all())


@every_family
def test_a_folder_is_checked_before_any_training(family: str, tmp_path: Path) -> None:
    folder = write(family, "base", tmp_path)
    found = families.read_architecture(folder, LABELS)
    families.of(found).check(ModelFolder.at(folder), found)
    other_size = ModelFolder(folder).config | {"vocab_size": VOCABULARY + 1}
    (folder / "config.json").write_text(json.dumps(other_size), encoding="utf-8")
    opened = ModelFolder.at(folder)
    other = families.read_architecture(folder, LABELS)
    with pytest.raises(UserError, match=r"has shape .*, config\.json says"):
        families.of(other).check(opened, other)


@every_family
def test_several_runs_side_by_side_are_computed_as_one_by_one_or_refused(family: str) -> None:
    found, both = architecture(family), weights(family, 1, 2)
    computation, two = families.encoder_of(found), batch([0, 1], [2, 3])
    if not families.of(found).capabilities.stacks:
        with pytest.raises(ValueError, match="one run at a time"):
            computation.classify(both, two)
        return
    alone = [
        computation.classify({name: tensor[run : run + 1] for name, tensor in both.items()}, batch(chosen))[0]
        for run, chosen in enumerate(([0, 1], [2, 3]))
    ]
    torch.testing.assert_close(computation.classify(both, two), torch.stack(alone), rtol=0, atol=1e-12)


@every_family
def test_logits_states_and_embeddings_have_their_shapes(family: str) -> None:
    found, one, chosen = architecture(family), weights(family, 1), batch([0, 1, 2])
    computation = families.encoder_of(found)
    words = computation.embed(one, chosen)
    assert words.shape == (1, chosen.ids.shape[1], found.embedding_size)
    logits = computation.classify(one, chosen)
    assert logits.shape == (1, 3, LABELS)
    torch.testing.assert_close(computation.classify(one, chosen, None, words), logits, rtol=0, atol=1e-12)
    assert computation.hidden_states(one, chosen, first_only=True).shape == (1, 3, found.hidden_size)
    every = computation.hidden_states(one, chosen, first_only=False)
    assert every.shape == (1, chosen.ids.shape[1], found.hidden_size)
    dropout = Dropout(0.5, [Draws(1, "dropout")], 0)
    assert not torch.allclose(computation.classify(one, chosen, dropout), logits)
    assert computation.products is None
    assert families.encoder_of(found, torch.bfloat16).products == torch.bfloat16


@every_family
def test_a_family_can_do_what_it_says(family: str) -> None:
    found, one, chosen = architecture(family), weights(family, 1), batch([0, 1, 2])
    able, computation = families.of(found).capabilities, families.encoder_of(found)
    if able.kernel and library_for(next(iter(one.values()))) is not None:
        assert PlainStep.of(found, one, "classification") is not None
    if able.captures or able.pretrains:
        assert isinstance(computation, encoder.Encoder)
    if able.cuts_vocabulary:
        cut = VocabularyCut.of((TEXTS,), found.vocabulary_size)
        table = found.word_embeddings
        less = one | {table: cut.cut(one[table][0]).unsqueeze(0)}
        renumbered = make_batch(cut.renumber(TEXTS), [np.arange(3)], torch.float64, torch.device("cpu"), segments=False)
        assert len(cut.kept) < found.vocabulary_size
        torch.testing.assert_close(
            computation.classify(less, renumbered), computation.classify(one, chosen), rtol=0, atol=1e-12
        )
    if able.own_dropout:
        computation.classify(one, chosen, Dropout(None, [Draws(1, "dropout")], 0))


@every_family
def test_costs_grow_with_tokens_pairs_and_examples(family: str) -> None:
    found = architecture(family)
    operations = families.of(found).operations
    least = operations(found, 100, 1000, 10)
    assert 0 < least < min(operations(found, 101, 1000, 10), operations(found, 100, 1001, 10))
    assert least < operations(found, 100, 1000, 11)


@every_family
def test_places_are_counted_from_0_in_every_text_where_none_are_given(family: str) -> None:
    found = architecture(family)
    ids = np.array([5, 6, 7, 8, 9])
    assert families.of(found).places(found, ids, np.array([0, 2, 5])) is None


@pytest.mark.parametrize("family", NATIVE)
def test_parts_of_a_layer_are_tensors_of_it(family: str) -> None:
    found = architecture(family)
    for number in range(found.layers):
        for part, name in found.layer(number).items():
            fact = found.facts()[f"{name}.weight"]
            assert fact.depth == (1 if found.shares_layers else number + 1)
            assert fact.part == ("" if part.endswith("_norm") else part.replace("_", " "))


@every_family
def test_a_refusal_begins_with_the_place_of_the_config(family: str) -> None:
    broken = config(family).to_dict() | {"hidden_act": "no such", "hidden_activation": "no such", "activation": "no"}
    with pytest.raises(UserError, match=r"folder/config\.json"):
        families.architecture_of(broken, LABELS, "folder/config.json")
