"""No module of the package imports one that needs it, late and for types alone included."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle, each importing the one before it; empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("imports", [{"a": {"b"}, "b": {"a"}}, {"a": {"b"}, "b": {"c"}, "c": {"d", "b"}, "d": set()}])
def test_a_circle_is_found(imports: Mapping[str, set[str]]) -> None:
    assert circle(imports)


def test_no_module_imports_one_that_needs_it() -> None:
    graph = grimp.build_graph("stabbench", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 250
    assert circle(imports) == []
