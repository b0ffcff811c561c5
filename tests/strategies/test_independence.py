"""The core knows the contract and no strategy: not one of its lines of code names one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import stabbench
from stabbench.strategies.registry import STRATEGIES

PACKAGE = Path(stabbench.__file__).parent
BUILT_IN = {
    plugin.name: plugin.where.split(":") for plugin in STRATEGIES.listed() if plugin.distribution == "stabbench"
}
OWN_MODULES = {module.rpartition(".")[2] for module, _ in BUILT_IN.values()}
"""Modules of the strategies' room that are strategies."""
OWN_SUBJECT = ("strategies", "studies")
"""The strategies themselves; and the studies, whose options say by default which strategy of the paper is varied."""
NAMES = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, BUILT_IN))})(?![\w-])")


def core() -> list[Path]:
    files = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in OWN_SUBJECT]
    return files + [path for path in (PACKAGE / "strategies").glob("*.py") if path.stem not in OWN_MODULES]


def code_that_names_a_strategy(source: str) -> Iterator[str]:
    """Literals, names and imports of a built-in strategy; docstrings, comments and sentences may have examples."""
    classes = {name for _, name in BUILT_IN.values()}
    modules = {module for module, _ in BUILT_IN.values()}
    tree = ast.parse(source)
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            whole = node.value in BUILT_IN or (" " not in node.value and NAMES.search(node.value))
            if whole or any(name in node.value for name in modules):
                yield f"line {node.lineno}: {node.value!r}"
        elif isinstance(node, ast.ImportFrom) and (
            node.module in modules or {f"{node.module}.{alias.name}" for alias in node.names} & modules
        ):
            yield f"line {node.lineno}: from {node.module} import"
        elif isinstance(node, ast.Import) and {alias.name for alias in node.names} & modules:
            yield f"line {node.lineno}: import"
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in classes:
                yield f"line {node.lineno}: {name}"


def test_no_line_of_the_core_names_a_built_in_strategy() -> None:
    found = {
        str(path.relative_to(PACKAGE)): named
        for path in core()
        if (named := list(code_that_names_a_strategy(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


def test_such_a_line_would_be_found() -> None:
    for line in (
        "if strategy == 'mixout': pass",
        "from stabbench.strategies.mixout import Mixout",
        "from stabbench.strategies import mixout",
        "import stabbench.strategies.mixout",
        "x = isinstance(strategy, Mixout)",
        "MODULE = 'stabbench.strategies.mixout:Mixout'",
        "PATH = 'runs/mixout'",
    ):
        assert list(code_that_names_a_strategy(line)), line
    for line in ('"""Such as mixout."""', "mixed = 'a mixout of words'", "# mixout", "remixout = 1"):
        assert not list(code_that_names_a_strategy(line)), line


def test_every_strategy_of_the_room_has_an_entry_point() -> None:
    """One that nobody can name would be checked by nothing."""
    named = {(module.rpartition(".")[2], name) for module, name in BUILT_IN.values()}
    bases = {"Strategy", *(name for _, name in named)}
    for path in (PACKAGE / "strategies").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & bases:
                assert (path.stem, node.name) in named
