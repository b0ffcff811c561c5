"""The frame of every conformance suite: checks of a subject, their verdicts, and a pytest class of them."""

from __future__ import annotations

import re
import unittest
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

SubjectT = TypeVar("SubjectT")


class ContractError(AssertionError):
    """A plugin does what none of its kind may do."""


def expect(holds: object, message: str) -> None:
    """ContractError with the message where it does not hold."""
    if not holds:
        raise ContractError(message)


@dataclass(frozen=True)
class Check(Generic[SubjectT]):
    """A check with its sentence; it is judged only where those that it `needs` hold."""

    sentence: str
    function: Callable[[SubjectT], None]
    """Raises `ContractError` where the sentence does not hold."""
    needs: tuple[Check[SubjectT], ...] = ()
    in_parts: bool = True
    """Whether one part of the plugin, such as a hook, can be what breaks it."""

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__


@dataclass(frozen=True)
class Verdict:
    """Whether a check holds; None where it was not judged. `message` says why it does not, or was not."""

    check: Check[Any]
    holds: bool | None
    message: str = ""


class Suite(Generic[SubjectT]):
    """The verdicts on one subject, each check judged once; `label` names plugin and distribution in messages."""

    def __init__(self, label: str, subject: SubjectT) -> None:
        self.label = label
        self.subject = subject
        self._verdicts: dict[str, Verdict] = {}

    def verdict(self, check: Check[SubjectT]) -> Verdict:
        """The verdict on one check, after those that it needs."""
        if check.name not in self._verdicts:
            self._verdicts[check.name] = self._judge(check)
        return self._verdicts[check.name]

    def where(self, check: Check[SubjectT], error: Exception) -> str:
        """What follows the label: the part of the plugin that breaks the check, where there are parts."""
        return ""

    def _judge(self, check: Check[SubjectT]) -> Verdict:
        for needed in check.needs:
            if not self.verdict(needed).holds:
                return Verdict(check, None, f"not judged: it needs that {needed.sentence}")
        try:
            check.function(self.subject)
        except Exception as error:
            place = self.label + self.where(check, error)
            return Verdict(check, False, f"{place}: broken is that {check.sentence}: {_text(error)}")
        return Verdict(check, True)


class Contract:
    """The base of `StrategyContract` and its like: pytest runs a test for each of a kind's `checks`."""

    checks: ClassVar[Sequence[Check[Any]]] = ()

    def __init_subclass__(cls) -> None:
        for check in vars(cls).get("checks", ()):
            setattr(cls, "test_" + re.sub(r"\W+", "_", check.sentence.lower()), _test_of(check))

    @classmethod
    def suite(cls) -> Suite[Any]:
        """The suite of what a subclass names."""
        raise NotImplementedError

    @classmethod
    @cache
    def shared_suite(cls) -> Suite[Any]:
        """One for all tests of a subclass, so that they share their work."""
        return cls.suite()


def _test_of(check: Check[Any]) -> Callable[[Contract], None]:
    def test(self: Contract) -> None:
        verdict = self.shared_suite().verdict(check)
        if verdict.holds is None:
            raise unittest.SkipTest(verdict.message)
        if not verdict.holds:
            raise ContractError(verdict.message)

    test.__doc__ = check.function.__doc__
    return test


def _text(error: Exception) -> str:
    if isinstance(error, ContractError):
        return str(error)
    return "; ".join([f"raised {type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
