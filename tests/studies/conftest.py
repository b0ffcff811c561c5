"""A params.yaml and a report's content for tests of studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stabbench.config import Config, load
from stabbench.records import Selection
from stabbench.report.content import Content, gather
from tests.analysis.synthetic import SyntheticCell, write_runs

PARAMS = """
seeds: 1-4
grid: {models: [embedded], tasks: [acceptability], strategies: [devlin, mosbach]}
models:
  embedded: {source: embedded, learning_rate: 1.0e-3}
tasks:
  acceptability: {dataset: acceptability, train_size: 160, dev_size: 100}
  acceptability-40: {dataset: acceptability, train_size: 40, dev_size: 100}
  other-dev: {dataset: acceptability, train_size: 40, dev_size: 50}
  other-seed: {dataset: acceptability, train_size: 40, dev_size: 100, sample_seed: 1}
  paraphrase: {dataset: paraphrase, train_size: 40, dev_size: 100}
  rte: {dataset: rte}
  rte-1k: {dataset: rte, train_size: 1000, sample_seed: 7}
studies:
"""


@pytest.fixture
def config_of(tmp_path: Path) -> Callable[[str], Config]:
    """The configuration with these blocks of studies, a line each."""

    def make(*studies: str) -> Config:
        (tmp_path / "params.yaml").write_text(PARAMS + "".join(f"  {line}\n" for line in studies))
        return load(tmp_path / "params.yaml")

    return make


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """A main grid of devlin, devlin-bc and mosbach."""
    grid = [
        SyntheticCell([0.4, 0.0, 0.3, 0.35]),
        SyntheticCell([0.4, 0.41, 0.42, 0.43], strategy="devlin-bc"),
        SyntheticCell([0.5, 0.51, 0.52, 0.53], strategy="mosbach", epochs=20),
    ]
    runs = tmp_path_factory.mktemp("grid") / "runs"
    write_runs(runs, grid)
    return gather(runs, incomplete=False, levene_center="median", alpha=0.001)


@pytest.fixture
def selection_of(tmp_path: Path) -> Callable[[Sequence[SyntheticCell]], Selection]:
    """Records of a study's cells."""

    def make(cells: Sequence[SyntheticCell]) -> Selection:
        return Selection(tuple(write_runs(tmp_path / "study", cells)))

    return make
