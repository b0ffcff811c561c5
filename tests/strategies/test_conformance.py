"""Every strategy of the package passes its own conformance suite."""

from __future__ import annotations

from functools import cache

import pytest

from stabbench.strategies.registry import STRATEGIES
from stabbench.testing import CHECKS, Check, Conformance, conformance
from stabbench.testing.trial import Trial

BUILT_IN = [
    pytest.param(
        plugin.name, marks=pytest.mark.xdist_group(f"conformance of {plugin.name}")
    )  # its checks share trainings
    for plugin in STRATEGIES.listed()
    if plugin.distribution == "stabbench"
]


@cache
def suite(name: str) -> Conformance:
    return conformance(name)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_strategies_keep_to_the_contract(name: str, check: Check[Trial]) -> None:
    verdict = suite(name).verdict(check)
    assert verdict.holds, verdict.message
