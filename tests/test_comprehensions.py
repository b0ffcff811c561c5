"""A name that a comprehension binds is not a module's name that another comprehension of the same function uses.

CPython 3.12.1 takes the module's for the bound one, which has no value any more: UnboundLocalError, where 3.11.7 and
3.13.0 do what is written.
"""

from __future__ import annotations

import symtable
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 12), reason="comprehensions are no scopes of their own there")
ROOT = Path(__file__).parents[1]
FILES = sorted(path for folder in ("stabbench", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
INLINED = {"listcomp", "setcomp", "dictcomp"}
"""What becomes part of the function that it stands in."""


def mixed_up(scope: symtable.SymbolTable) -> Iterator[str]:
    """Each such name, with the line of its function."""
    inside = list(comprehensions(scope))
    for one in inside:
        bound = {symbol.get_name() for symbol in one.get_symbols() if symbol.is_local()}
        for other in inside:
            taken = {symbol.get_name() for symbol in other.get_symbols() if symbol.is_global()}
            yield from (f"line {scope.get_lineno()}: {name}" for name in sorted(bound & taken))
    for child in scope.get_children():
        yield from mixed_up(child)


def comprehensions(scope: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in scope.get_children():
        if scope.get_type() == "function" and child.get_name() in INLINED:
            yield child
            yield from comprehensions(child)


def found_in(source: str) -> list[str]:
    return list(mixed_up(symtable.symtable(source, "file", "exec")))


def test_no_comprehension_uses_a_modules_name_that_another_binds() -> None:
    found = {path.relative_to(ROOT).as_posix(): found_in(path.read_text(encoding="utf-8")) for path in FILES}
    assert {path: names for path, names in found.items() if names} == {}


def test_what_is_looked_for_is_found() -> None:
    source = "def f(rows):\n    {row: number for number, row in enumerate(rows)}\n    [number(row) for row in rows]\n"
    assert found_in(source) == ["line 1: number"]
    assert found_in(source.replace("[number(row)", "[number2(row)")) == []
