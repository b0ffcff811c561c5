"""A project with tiny models and two prepared tasks, made once; each test plans its own cells in it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stabbench
from stabbench.config import load
from stabbench.execution.loading import load_files
from stabbench.resolve.planning import plan_cell
from stabbench.training.inputs import CellFiles
from tests.huggingface import folders

Given = Callable[..., CellFiles]
MODELS = ("bert", "gpt2", "llama", "qwen2")


@pytest.fixture(scope="module", autouse=True)
def little_is_searched_for_garbage() -> None:
    """`Trainer` has all that there is looked through after each training: a fifth of a second of a test's worker."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("huggingface")
    for name in MODELS:
        getattr(folders, name)(folder / name)
    folders.texts(folder)
    (folder / "params.yaml").write_text(
        folders.params({"bert": {"source": "./bert"}}, {"mine": folders.strategy()}).replace(
            '"tasks": ["kinds"]', '"tasks": ["kinds", "shares"]'
        )
    )
    stabbench.Project(folder).prepare()
    return folder


@pytest.fixture
def given(prepared: Path) -> Given:
    """`given(model, recipe, task=…, **block)`: what the trainer gets for a cell, which is planned as anybody's is."""

    def planned(model: str, recipe: dict[str, Any] | None = None, *, task: str = "kinds", **block: Any) -> CellFiles:
        models = {model: {"source": f"./{model}"}}
        params = prepared / "params.yaml"
        params.write_text(folders.params(models, {"mine": folders.strategy(recipe, **block)}))
        return load_files(plan_cell(load(params), prepared, model, task, "mine"), prepared)

    return planned
