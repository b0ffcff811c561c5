"""A strategy's verdicts: each check once, with the hook that breaks it."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator

from stabbench.strategies.contract import Strategy, overrides
from stabbench.strategies.hooks import METHODS
from stabbench.testing.suite import Check, Suite
from stabbench.testing.trial import Members, Trial


class Conformance(Suite[Trial]):
    """The checks of one strategy, or of several composed; `label` names plugin and distribution in messages."""

    def __init__(self, label: str, members: Members) -> None:
        super().__init__(label, Trial(members))

    def where(self, check: Check[Trial], error: Exception) -> str:
        """The hooks that break it."""
        hooks = ", ".join(f"`{hook}`" for hook in self._culprits(check, error))
        return f", {'hooks' if ', ' in hooks else 'hook'} {hooks}" if hooks else ""

    def _culprits(self, check: Check[Trial], error: Exception) -> list[str]:
        """The hook that raised, else those without any one of which the check holds, else all of the strategy's own."""
        if not check.in_parts:
            return []
        members = self.subject.members
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


def _holds_without(check: Check[Trial], members: Members, hook: str) -> bool:
    default = {hook: getattr(Strategy, hook)}
    without = [(type(cls.__name__, (cls,), default), options) for cls, options in members]
    try:
        check.function(Trial(without))
    except Exception:
        return False
    return True
