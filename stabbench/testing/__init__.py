"""Conformance suites for authors of plugins, a class a kind for pytest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from stabbench.models.families import FAMILIES
from stabbench.strategies.registry import STRATEGIES, find, make_options
from stabbench.tasks.sources import TASK_SOURCES
from stabbench.testing.checks import CHECKS, Conformance
from stabbench.testing.families import FamilyTrial
from stabbench.testing.family_checks import FAMILY_CHECKS
from stabbench.testing.optimizers import OPTIMIZER_CHECKS, OptimizerTrial
from stabbench.testing.suite import Check, Contract, ContractError, Suite, Verdict
from stabbench.testing.tasks import TASK_CHECKS, SourceTrial
from stabbench.testing.trainers import TRAINER_CHECKS, TrainerTrial
from stabbench.training.optimizers import OPTIMIZERS
from stabbench.training.optimizers import find as find_optimizer
from stabbench.training.trainers import TRAINERS

__all__ = [
    "CHECKS",
    "FAMILY_CHECKS",
    "OPTIMIZER_CHECKS",
    "TASK_CHECKS",
    "TRAINER_CHECKS",
    "Check",
    "Conformance",
    "Contract",
    "ContractError",
    "FamilyContract",
    "FamilyTrial",
    "OptimizerContract",
    "OptimizerTrial",
    "SourceTrial",
    "StrategyContract",
    "Suite",
    "TaskContract",
    "TrainerContract",
    "TrainerTrial",
    "Verdict",
    "conformance",
]


def conformance(plugin: str, options: Mapping[str, Any] | None = None, root: Path | None = None) -> Conformance:
    """The suite for an installed strategy or a file's class (`./mine.py:Mine`, relative to `root` or here).

    Raises UserError where it cannot be found or imported, or does not keep to the contract's signatures.
    """
    strategy, _ = find(plugin, root or Path())
    return Conformance(STRATEGIES.label(plugin), [(strategy, make_options(plugin, strategy, options or {}))])


class StrategyContract(Contract):
    """Subclass it in a test module; pytest then runs a test for each check.

    ::

        from stabbench.testing import StrategyContract

        class TestMine(StrategyContract):
            strategy = "mine"                  # an installed strategy's name, or "./mine.py:Mine"
            options = {"strength": 0.5}        # optional
    """

    checks = CHECKS
    strategy: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def suite(cls) -> Conformance:
        """That of the strategy with its options."""
        return conformance(cls.strategy, cls.options)


class TaskContract(Contract):
    """The same for a task source, which is asked to read `options` from the folder `root`.

    `wrong` are options that it has to refuse; without them its files are taken away and spoilt.
    """

    checks = TASK_CHECKS
    source: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    wrong: ClassVar[Sequence[Mapping[str, Any]]] = ()
    root: ClassVar[Path] = Path()

    @classmethod
    def suite(cls) -> Suite[SourceTrial]:
        """That of the source with its options."""
        source = TASK_SOURCES.load(cls.source, cls.root)
        trial = SourceTrial(cls.source, source, cls.options, cls.root.absolute(), cls.wrong)
        return Suite(TASK_SOURCES.label(cls.source), trial)


class FamilyContract(Contract):
    """The same for a family of models, of which `config` is a tiny model's: fields for transformers' config class.

    `wrong` are fields over it that the family has to refuse; `root` is where a family in a file lies. A model type that
    transformers does not know is made known to it first (`AutoConfig.register` and its like).
    """

    checks = FAMILY_CHECKS
    family: ClassVar[str]
    config: ClassVar[Mapping[str, Any]]
    wrong: ClassVar[Sequence[Mapping[str, Any]]] = ()
    root: ClassVar[Path] = Path()

    @classmethod
    def suite(cls) -> Suite[FamilyTrial]:
        """That of the family on its tiny model."""
        trial = FamilyTrial(FAMILIES.load(cls.family, cls.root), cls.config, cls.wrong)
        return Suite(FAMILIES.label(cls.family), trial)


class TrainerContract(Contract):
    """The same for a trainer, whose trainings of a tiny model are looked at; `recipe` goes over theirs."""

    checks = TRAINER_CHECKS
    trainer: ClassVar[str]
    recipe: ClassVar[Mapping[str, Any]] = {}
    root: ClassVar[Path] = Path()

    @classmethod
    def suite(cls) -> Suite[TrainerTrial]:
        """That of the trainer with that recipe."""
        return Suite(TRAINERS.label(cls.trainer), TrainerTrial(TRAINERS.load(cls.trainer, cls.root), cls.recipe))


class OptimizerContract(Contract):
    """The same for an optimizer with its `options`, on a few tensors and in trainings of a tiny model.

    `recipe` goes over that of the trial, where the optimizer refuses it: `{"schedule": "constant"}`.
    """

    checks = OPTIMIZER_CHECKS
    optimizer: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    recipe: ClassVar[Mapping[str, Any]] = {}
    root: ClassVar[Path] = Path()

    @classmethod
    def suite(cls) -> Suite[OptimizerTrial]:
        """That of the optimizer with those options."""
        options = find_optimizer(cls.optimizer, cls.options, cls.root).options
        trial = OptimizerTrial(OPTIMIZERS.load(cls.optimizer, cls.root), options, cls.recipe)
        return Suite(OPTIMIZERS.label(cls.optimizer), trial)
