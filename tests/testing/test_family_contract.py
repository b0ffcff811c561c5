"""Each check catches the family of models that breaks it, and no other does; the package's own hold them all."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from stabbench.models.families.contract import Family
from stabbench.testing import FAMILY_CHECKS, Check, FamilyContract, FamilyTrial, Suite
from tests.foreign.tiny_families import FAMILIES, NATIVE, config
from tests.testing import broken_families as broken
from tests.testing.imports_torch import ImportsTorch

LABEL = "model family 'mine' (mine:Mine of my-plugin 1.0)"
NO_ACTIVATION = dict.fromkeys(("hidden_act", "hidden_activation", "activation"), "no such")

BROKEN: list[tuple[type[Family], str, str]] = [
    (ImportsTorch, "imported_without_torch", "its module imports torch before it is needed"),
    (broken.IsNotTheSameTwice, "reads_the_same_everywhere", "the same config is read as another architecture"),
    (broken.TakesAnyActivation, "refuses_what_it_cannot_compute", "read as if nothing were wrong"),
    (broken.LosesItsPooler, "tensors_are_the_models", "bert.pooler.dense.bias"),
    (broken.LetsBiasesDecay, "tensors_are_the_models", ".bias decays"),
    (broken.HasAnotherVocabulary, "defaults_are_the_models", "the default of vocab_size, expected 30522"),
    (broken.SaysTheArchitectureAgain, "spec_says_what_the_name_does_not", "gives architecture, which every spec has"),
    (broken.ForgetsAnEmbedding, "first_values_complete", "not taken from the folder: bert.embeddings.word"),
    (broken.DrawsFromTorch, "draws_are_the_runs_own", "classifier.weight drawn twice for one seed differs"),
    (broken.ChecksNothing, "folder_is_checked", "a config with one more word piece than the tensors have is taken"),
    (broken.HasAnotherEpsilon, "logits_are_transformers", "its logits and transformers' differ by"),
    (broken.DoesNotCountPadding, "positions_are_transformers", "the logits of texts with the padding token inside"),
    (broken.LosesAState, "shapes_fit", "states have the shape (1, 26, 31), expected (1, 26, 32)"),
    (broken.DropsNothing, "dropout_is_the_runs_own", "dropout changes no logit"),
    (broken.StacksThoughItSaysNo, "stacks_or_refuses", "it says that it stacks no runs, and takes two"),
    (broken.SaysThatItCaptures, "able_as_it_says", "capturing and pretraining take `models.encoder.Encoder`"),
    (broken.CostsNothing, "costs_grow", "`operations` are 0"),
    (broken.KeepsAnotherClass, "kept_folder_reads_back", "says architectures ['BertModel']"),
]


@pytest.mark.parametrize(("family", "check", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_family_is_caught_by_exactly_the_check_it_breaks(
    family: type[Family], check: str, message: str
) -> None:
    suite = Suite(LABEL, FamilyTrial(family, config("bert").to_dict(), [NO_ACTIVATION]))
    (found,) = [verdict for each in FAMILY_CHECKS if (verdict := suite.verdict(each)).holds is False]
    assert found.check.name == check, found.message
    assert found.message.startswith(f"{LABEL}: broken is that {found.check.sentence}: ")
    assert message in found.message


def test_every_check_has_a_family_that_breaks_it() -> None:
    assert {check for _, check, _ in BROKEN} == {check.name for check in FAMILY_CHECKS}


@cache
def suite(family: str) -> Suite[FamilyTrial]:
    kind = FAMILIES[family][0] if family in NATIVE else "huggingface"
    named = {"family": kind, "config": config(family).to_dict(), "wrong": [NO_ACTIVATION]}
    contract: type[FamilyContract] = type("Own", (FamilyContract,), named)
    return contract.suite()


@pytest.mark.parametrize("check", FAMILY_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize(
    "family", [pytest.param(family, marks=pytest.mark.xdist_group(f"contract of {family}")) for family in FAMILIES]
)
def test_the_packages_own_families_keep_to_the_contract(family: str, check: Check[Any]) -> None:
    verdict = suite(family).verdict(check)
    assert verdict.holds, verdict.message


class TestBert(FamilyContract):
    family = "bert"
    config = config("bert").to_dict()
    wrong = (NO_ACTIVATION,)
