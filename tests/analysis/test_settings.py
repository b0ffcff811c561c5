from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from stabbench.analysis.frame import frame
from stabbench.analysis.settings import correction_effects, with_settings
from stabbench.analysis.stability import stability
from stabbench.records import Selection
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs

WITHOUT = [0.0, 0.0, 0.0, DIVERGED, 0.4, 0.5]
WITH = [0.5, 0.51, 0.52, 0.55, 0.0, None]


def cell(name: str, scores: list[float | None], rate: float, epochs: float, correction: bool) -> SyntheticCell:
    return SyntheticCell(
        scores, strategy=name, learning_rate=rate, epochs=epochs, bias_correction=correction, gradient_norms=False
    )


@pytest.fixture(scope="module")
def selection(tmp_path_factory: pytest.TempPathFactory) -> Selection:
    runs: Path = tmp_path_factory.mktemp("project") / "runs"
    cells = [
        cell("a", list(WITHOUT), 1e-5, 3, correction=False),
        cell("b", list(WITH), 1e-5, 3, correction=True),
        cell("c", [0.5] * 6, 2e-5, 3, correction=False),
        cell("d", [0.6] * 6, 2e-5, 20, correction=True),
        cell("e", [None] * 6, 2e-5, 3, correction=True),
    ]
    return Selection(tuple(write_runs(runs, cells)))


def test_runs_and_cells_get_the_setting_of_their_recipe(selection: Selection) -> None:
    runs = with_settings(frame(selection), selection)
    assert len(runs) == 30
    expected = {"a": (1e-5, 3, False), "b": (1e-5, 3, True), "c": (2e-5, 3, False), "d": (2e-5, 20, True)}
    for name, setting in expected.items():
        rows = runs.loc[runs["strategy"] == name, ["learning_rate", "epochs", "bias_correction"]]
        assert set(rows.itertuples(index=False, name=None)) == {setting}
    cells = with_settings(stability(frame(selection)), selection)
    assert list(cells["learning_rate"]) == [1e-5, 1e-5, 2e-5, 2e-5, 2e-5]


def test_without_stands_beside_with_where_both_have_finished_runs(selection: Selection) -> None:
    effects = correction_effects(with_settings(frame(selection), selection))
    assert len(effects) == 1
    row = effects.iloc[0]
    assert (row["learning_rate"], row["epochs"]) == (1e-5, 3)
    assert (row["failed_without"], row["n_without"], row["failed_with"], row["n_with"]) == (4, 6, 1, 5)
    assert row["p_fisher"] == pytest.approx(stats.fisher_exact([[4, 2], [1, 4]]).pvalue)
    assert row["p_fisher_holm"] == row["p_fisher"]
    without, corrected = np.array([0, 0, 0, 0, 0.4, 0.5]), np.array([0.5, 0.51, 0.52, 0.55, 0])
    assert row["std_without"] == pytest.approx(without.std(ddof=1))
    assert row["std_with"] == pytest.approx(corrected.std(ddof=1))
    assert row["p_levene"] == pytest.approx(stats.levene(without, corrected, center="median").pvalue)


def test_no_pair_gives_an_empty_table_with_all_columns(selection: Selection) -> None:
    runs = with_settings(frame(selection), selection)
    effects = correction_effects(runs[runs["bias_correction"]])
    assert effects.empty
    assert {"p_fisher", "p_fisher_holm", "p_levene", "failed_with"} <= set(effects.columns)
