"""In CI (`STABBENCH_CI`) whatever a test needs is there: a skip that is not on this list fails the run, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

ALLOWED = (
    r"`make long` runs it",
    r"there is a GPU|triton is not installed",
    r"STABBENCH_(GLUE|WIKITEXT)_DIR|STABBENCH_SUZUKI_FILE",
    r"the package rxnfp is not installed",
    r"rliable",
)
"""Reasons, as expressions that are searched for in them: tests of minutes; what a GPU alone, or its absence, lets run;
data, and a model, that lie beside some machines; a package that needs an older pandas than ours.
"""


class UnexpectedSkips:
    """A plugin of pytest that fails a run in which something was skipped for none of the allowed reasons."""

    def __init__(self, allowed: Iterable[str] = ALLOWED) -> None:
        self.allowed = re.compile("|".join(allowed))
        self.found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test, or its set-up."""
        self._look_at(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A whole module."""
        self._look_at(report)

    def _look_at(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not self.allowed.search(reason):
            self.found[report.nodeid] = reason

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A run that would have passed fails."""
        if self.found and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Their names and reasons."""
        if not self.found:
            return
        terminalreporter.section("skipped, and not on the list of tests/skips.py", red=True)
        for name, reason in self.found.items():
            terminalreporter.line(f"{name}: {reason}")
