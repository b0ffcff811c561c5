"""A strategy's verdicts: each check once, with the hook that breaks it."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

from stabbench.strategies.contract import Strategy, overrides
from stabbench.strategies.hooks import METHODS
from stabbench.testing.checks import Check, ContractError
from stabbench.testing.trial import Members, Trial


@dataclass(frozen=True)
class Verdict:
    """Whether a check holds; None where it was not judged. `message` says why it does not, or was not."""

    check: Check
    holds: bool | None
    message: str = ""


class Conformance:
    """The checks of one strategy, or of several composed; `label` names plugin and distribution in messages."""

    def __init__(self, label: str, members: Members) -> None:
        self.label = label
        self.trial = Trial(members)
        self._verdicts: dict[Check, Verdict] = {}

    def verdict(self, check: Check) -> Verdict:
        """The verdict on one check, after those that it needs."""
        if check not in self._verdicts:
            self._verdicts[check] = self._judge(check)
        return self._verdicts[check]

    def _judge(self, check: Check) -> Verdict:
        for needed in check.needs:
            if not self.verdict(needed).holds:
                return Verdict(check, None, f"not judged: it needs that {needed.sentence}")
        try:
            check.function(self.trial)
        except Exception as error:
            hooks = ", ".join(f"`{hook}`" for hook in self._culprits(check, error))
            where = f", {'hooks' if ', ' in hooks else 'hook'} {hooks}" if hooks else ""
            return Verdict(check, False, f"{self.label}{where}: broken is that {check.sentence}: {_text(error)}")
        return Verdict(check, True)

    def _culprits(self, check: Check, error: Exception) -> list[str]:
        """The hook that raised, else those without any one of which the check holds, else all of the strategy's own."""
        if not check.of_hooks:
            return []
        members = self.trial.members
        own = list(dict.fromkeys(hook for cls, _ in members for hook in METHODS if overrides(cls, hook)))
        raised = [name for name in _hooks_of(error, members) if name in own]
        if raised:
            return raised[-1:]
        return [hook for hook in own if _holds_without(check, members, hook)] or own


def _hooks_of(error: Exception, members: Members) -> Iterator[str]:
    """Names of the strategies' hooks that were running when the error was raised."""
    codes = {
        inspect.unwrap(method).__code__: hook
        for cls, _ in members
        for hook in METHODS
        if overrides(cls, hook) and inspect.isfunction(method := getattr(cls, hook))
    }
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code in codes:
            yield codes[frame.f_code]


def _holds_without(check: Check, members: Members, hook: str) -> bool:
    default = {hook: getattr(Strategy, hook)}
    without = [(type(cls.__name__, (cls,), default), options) for cls, options in members]
    try:
        check.function(Trial(without))
    except Exception:
        return False
    return True


def _text(error: Exception) -> str:
    if isinstance(error, ContractError):
        return str(error)
    return "; ".join([f"raised {type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
