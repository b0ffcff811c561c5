"""The tables of products and of strategies: what is timed is the same work, and what misses its target is marked."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks import products, strategies
from benchmarks.products import KINDS, Case
from stabbench.models.kernel.library import library_for
from stabbench.strategies.registry import STRATEGIES

FACTS: dict[str, Any] = {
    "rounds": 2, "other_processes_share": None, "created": "today", "commit": "0", "cpu": "one", "arithmetic": "some",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_both_contenders_compute_the_same_product(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library = library_for(torch.empty(0))
    if library is None:
        pytest.skip("there is no C compiler")
    case = Case("any", 7, 5, 9, kind)
    factors = case.factors()
    start, (left, right, out) = factors[2].clone(), factors
    monkeypatch.setattr(Case, "factors", lambda self: factors)
    expected = left @ right + (start if kind == "weight gradient" else 0)
    for contender in case.contenders(library).values():
        out.copy_(start)
        contender()
        torch.testing.assert_close(out, expected)


def test_a_product_below_its_target_is_marked_and_counted() -> None:
    shape = {"model": "any", "tokens": 2, "inputs": 3, "outputs": 4}
    rates = zip(KINDS, (9.3e9, 9.1e9, 2e10), strict=True)
    page = products.page(
        {**FACTS, "rows": [{**shape, "kind": kind, "ours": rate, "torch": 1e10} for kind, rate in rates]}
    )
    assert "| any: 2 × 3 × 4 | 9.30 / 10.0 (93 %) | 9.10 / 10.0 (**91 %**) | 20.0 / 10.0 (100 %) |" in page
    assert "2 of 3 products reach 92 % of the better rate; the lowest has 91 %." in page


def test_every_built_in_strategy_is_timed_and_those_with_more_passes_have_no_target() -> None:
    found = list(strategies.cases())
    built_in = {one.name for one in STRATEGIES.listed() if one.distribution == "stabbench"}
    assert {case.plugin for case in found} == built_in > {"devlin", "mixout", "lora"}
    assert {case.plugin for case in found if case.target is None} == set(strategies.MORE_PASSES)
    assert {case.name: case.target for case in found if case.plugin == "lp-ft"} == {
        "lp-ft, head alone": strategies.MOST_FROZEN,
        "lp-ft, everything": strategies.MOST,
    }
