"""The conformance suite for authors of strategies: in pytest as `StrategyContract`, else `stabbench check-strategy`."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from stabbench.strategies.registry import STRATEGIES, find, make_options
from stabbench.testing import checks
from stabbench.testing.checks import CHECKS, Check, ContractError
from stabbench.testing.conformance import Conformance, Verdict

__all__ = ["CHECKS", "Check", "Conformance", "ContractError", "StrategyContract", "Verdict", "conformance"]


def conformance(plugin: str, options: Mapping[str, Any] | None = None, root: Path | None = None) -> Conformance:
    """The suite for an installed strategy or a file's class (`./mine.py:Mine`, relative to `root` or here).

    Raises UserError where it cannot be found or imported, or does not keep to the contract's signatures.
    """
    strategy, _ = find(plugin, root or Path())
    return Conformance(STRATEGIES.label(plugin), [(strategy, make_options(plugin, strategy, options or {}))])


class StrategyContract:
    """Subclass it in a test module; pytest then runs a test for each check.

    ::

        from stabbench.testing import StrategyContract

        class TestMine(StrategyContract):
            strategy = "mine"                  # an installed strategy's name, or "./mine.py:Mine"
            options = {"strength": 0.5}        # optional
    """

    strategy: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    _conformance: ClassVar[Conformance]

    def test_it_can_be_pickled(self) -> None:
        """Worker processes are handed the strategy and its options."""
        self._expect(checks.PICKLABLE)

    def test_its_draws_are_keyed_by_the_runs_seed(self) -> None:
        """None comes from the global generators of torch, NumPy or Python."""
        self._expect(checks.KEYED)

    def test_the_loss_is_finite(self) -> None:
        """In fp64 and fp32, alone and side by side; one value a run."""
        self._expect(checks.FINITE)

    def test_the_same_seed_gives_the_same_result(self) -> None:
        """To the last bit."""
        self._expect(checks.SAME_SEED)

    def test_a_run_depends_on_no_run_beside_it(self) -> None:
        """Alone or between two others, to rounding in fp64."""
        self._expect(checks.COMPANIONS)

    def test_evaluation_is_untouched_by_what_acts_in_training(self) -> None:
        """Scoring is pure, draws nothing and changes nothing of the training."""
        self._expect(checks.EVALUATION)

    def test_it_trains_every_architecture_or_says_why_not(self) -> None:
        """BERT, RoBERTa and ALBERT, or a sentence from `unsupported`."""
        self._expect(checks.ARCHITECTURE)

    def test_the_final_weights_load_in_hugging_face(self) -> None:
        """With the recorded logits."""
        self._expect(checks.HUGGING_FACE)

    def test_killed_and_resumed_equals_uninterrupted(self) -> None:
        """Bit for bit, by fresh objects."""
        self._expect(checks.RESUME)

    def test_its_part_acts(self) -> None:
        """Its hooks change what its recipe does alone, by more than rounding, in fp32 too."""
        self._expect(checks.ACTS)

    @classmethod
    def _suite(cls) -> Conformance:
        """One for all tests of a subclass, so that they share their trainings."""
        if "_conformance" not in vars(cls):
            cls._conformance = conformance(cls.strategy, cls.options)
        return cls._conformance

    def _expect(self, check: Check) -> None:
        verdict = self._suite().verdict(check)
        if verdict.holds is None:
            raise unittest.SkipTest(verdict.message)
        if not verdict.holds:
            raise ContractError(verdict.message)
