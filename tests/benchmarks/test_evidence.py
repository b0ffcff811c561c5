"""The evidence: a claim is judged by its rule, and every committed page is made of the committed tables."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.evidence import __main__ as evidence
from benchmarks.evidence.again import said
from benchmarks.evidence.claims import CLAIMS, findings
from benchmarks.evidence.data import models
from benchmarks.evidence.pages import page, with_claims
from benchmarks.evidence.rules import HOLDS, NOT, PART, UNKNOWN
from stabbench.errors import UserError
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.benchmarks.evidence_tables import cell, pair, perplexity, plane, stability, write_table

ROOT = Path(__file__).parent.parent.parent
COMMITTED = ROOT / "reports/evidence"
LOOK = {claim.key: claim.look for claim in CLAIMS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a model."""
    return tmp_path / "evidence/deep"


@pytest.mark.parametrize(("failed", "n", "verdict"), [(1, 10, HOLDS), (16, 25, HOLDS), (0, 25, NOT), (0, 10, UNKNOWN)])
def test_the_default_fails_with_one_failed_run_and_does_not_with_none_of_many(
    folder: Path, failed: int, n: int, verdict: str
) -> None:
    found, numbers = LOOK["default-fails"](cell(folder, stability(devlin=(failed, n))))
    assert found == verdict
    assert numbers.startswith(f"devlin {failed} of {n} failed (")


@pytest.mark.parametrize(
    ("failed", "p", "verdict"),
    [
        ((16, 0), 1e-6, HOLDS),
        ((24, 12), 4e-4, PART),  # fewer, and still every second one
        ((16, 20), 0.35, NOT),
        ((1, 9), 0.01, NOT),
        ((4, 2), 0.67, UNKNOWN),
        ((0, 0), 1.0, UNKNOWN),
    ],
)
def test_a_remedy_prevents_failures_where_few_are_left_and_the_test_says_so(
    folder: Path, failed: tuple[int, int], p: float, verdict: str
) -> None:
    write_table(folder, "tables/pairwise.csv", [pair("devlin", "mosbach", failed, p)])
    assert LOOK["long-prevents"](cell(folder))[0] == verdict
    assert LOOK["correction-prevents"](cell(folder)) == (UNKNOWN, "not run: devlin or devlin-bc")


def test_a_pair_is_found_in_either_order_with_its_ratio_turned(folder: Path) -> None:
    ratios = {"std_ratio": 0.5, "std_ratio_low": 0.25, "std_ratio_high": 0.8}
    write_table(folder, "tables/pairwise.csv", [pair("mosbach", "mixout", (0, 5), 0.05, **ratios)])
    found = cell(folder).pair("mixout", "mosbach")
    assert found is not None
    assert (found.first.failed, found.second.failed, found.number("std_ratio")) == (5, 0, 2.0)
    assert (found.number("std_ratio_low"), found.number("std_ratio_high")) == (1.25, 4.0)
    assert LOOK["mixout"](cell(folder))[0] == HOLDS


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [
        ({"std_ratio": 2.0, "p_levene_mean": 1e-4, "p_spread": 5e-4}, HOLDS),
        ({"std_ratio": 2.0, "p_levene_mean": 1e-4, "p_spread": 0.3}, PART),
        ({"std_ratio": 2.0, "p_levene_mean": 0.01, "p_spread": 0.3}, NOT),
        ({"std_ratio": 0.5, "p_levene_mean": 1e-4, "p_spread": 1e-4}, NOT),
        ({"p_levene_mean": None, "p_spread": None}, UNKNOWN),
    ],
)
def test_the_std_is_smaller_by_both_tests_by_one_or_by_none(
    folder: Path, numbers: dict[str, float], verdict: str
) -> None:
    write_table(folder, "tables/pairwise.csv", [pair("devlin", "mosbach", (9, 0), 0.01, **numbers)])
    assert LOOK["steadier"](cell(folder))[0] == verdict


@pytest.mark.parametrize(
    ("beyond", "p", "verdict"), [((0.03, 0.01), 0.01, HOLDS), ((0.01, 0.03), 0.01, NOT), ((0.03, 0.01), 0.2, UNKNOWN)]
)
def test_beyond_the_noise_of_dev_the_smaller_std_has_to_be_told_apart(
    folder: Path, beyond: tuple[float, float], p: float, verdict: str
) -> None:
    row = {"strategy_a": "devlin", "strategy_b": "mosbach", "n_a": 25, "n_b": 25}
    row |= {"beyond_a": beyond[0], "beyond_b": beyond[1], "p_beyond": p}
    write_table(folder, "studies/noise/noise-pairs.csv", [row])
    assert LOOK["beyond-noise"](cell(folder))[0] == verdict


@pytest.mark.parametrize(("norms", "verdict"), [((1e-4, 1e-3), HOLDS), ((1e-4, 0.09), PART), ((0.5, 0.09), NOT)])
def test_gradients_vanish_where_layer_1_of_failed_runs_has_under_a_tenth(
    folder: Path, norms: tuple[float, float], verdict: str
) -> None:
    layers = ("layer 1", "layer 2", "classifier")
    runs = {(True, 1): (norms[0], 0.1, 1.0), (True, 2): (norms[1], 0.1, 1.0), (False, 3): (0.1, 0.2, 1.0)}
    rows: list[dict[str, Any]] = [
        {"strategy": "devlin", "seed": seed, "failed": failed, "layer": layer, "norm": norm}
        for (failed, seed), values in runs.items()
        for layer, norm in zip(layers, values, strict=True)
    ]
    write_table(folder, "layer-norms.csv", rows)
    found, numbers = LOOK["vanishing"](cell(folder))
    assert found == verdict
    assert numbers.endswith("0.50× in layer 2, 1.00× in the classifier")
    write_table(folder, "layer-norms.csv", [row for row in rows if row["failed"]])
    assert LOOK["vanishing"](cell(folder)) == (UNKNOWN, "no strategy with failed and successful runs")


def test_few_updates_are_judged_by_the_study_where_it_was_run(folder: Path) -> None:
    write_table(folder, "tables/pairwise.csv", [pair("devlin-bc", "mosbach", (9, 0), 0.01)])
    assert LOOK["few-updates"](cell(folder))[0] == HOLDS
    write_table(folder, "studies/small/pairs.csv", [pair("same-epochs", "same-updates", (1, 9), 0.01)])
    assert LOOK["few-updates"](cell(folder))[0] == NOT


@pytest.mark.parametrize(
    ("failed", "failed_with", "verdict"), [((2, 9), (0, 1), HOLDS), ((0, 1), (2, 9), NOT), ((1, 2), (1, 1), UNKNOWN)]
)
def test_correction_is_judged_over_the_rates_of_few_epochs_together(
    folder: Path, failed: tuple[int, int], failed_with: tuple[int, int], verdict: str
) -> None:
    rows = [
        {"learning_rate": rate, "epochs": epochs, "n_without": 10, "n_with": 10, "failed_without": before,
         "failed_with": after}
        for rate, before, after in zip((2e-5, 1e-4), failed, failed_with, strict=True)
        for epochs in (3, 20)
    ]  # fmt: skip
    write_table(folder, "studies/ablation/correction.csv", rows)
    found, numbers = LOOK["rates"](cell(folder))
    assert found == verdict
    at = f"at 2e-5: {failed[0]} and {failed_with[0]}, 1e-4: {failed[1]} and {failed_with[1]}"
    assert numbers.startswith(f"failed of 20 runs without and 20 with it, {at} (")
    write_table(folder, "studies/bias-correction/correction.csv", rows[:1])
    assert LOOK["rates"](cell(folder))[1].startswith("failed of 10 runs without and 10 with it")


@pytest.mark.parametrize(
    ("halfway", "verdict", "numbers"),
    [
        (0.9, HOLDS, "the loss rises to 0.90 at 0.50 of the line; its higher end has 0.65"),
        (0.7, PART, "the loss rises to 0.70 at 0.50 of the line; its higher end has 0.65"),
        (0.6, NOT, "the loss never rises above its higher end, 0.65"),
        (0.655, NOT, "the loss never rises above its higher end, 0.66"),
    ],
)
def test_a_barrier_is_a_loss_above_both_ends_of_the_straight_line(
    folder: Path, halfway: float, verdict: str, numbers: str
) -> None:
    plane(folder, [0.65, halfway, 0.01], norms=(0.6, 5.0))
    assert LOOK["barrier"](cell(folder)) == (verdict, numbers)


@pytest.mark.parametrize(
    ("losses", "norms", "verdict"),
    [((0.65, 0.01), (0.6, 5.0), HOLDS), ((0.65, 0.01), (5.0, 0.6), NOT), ((0.01, 0.65), (0.6, 5.0), NOT)],
)
def test_a_valley_is_a_higher_loss_with_smaller_gradients_around(
    folder: Path, losses: tuple[float, float], norms: tuple[float, float], verdict: str
) -> None:
    plane(folder, losses, norms)
    found, numbers = LOOK["valley"](cell(folder))
    assert found == verdict
    assert f"gradient norm around it {norms[0]:.2f} (failed) and" in numbers


@pytest.mark.parametrize(("stayed", "verdict"), [(9, HOLDS), (5, PART), (1, NOT)])
def test_failed_runs_keep_the_loss_of_guessing_or_do_not(folder: Path, stayed: int, verdict: str) -> None:
    rows = [{"strategy": "devlin", "failed": 11, "diverged": 1, "trivial": stayed}]
    write_table(folder, "studies/failed-runs/failed-runs.csv", rows)
    found, numbers = LOOK["guessing"](cell(folder))
    assert (found, numbers) == (verdict, f"{stayed} of 10 failed runs ({10 * stayed} %)")


@pytest.mark.parametrize(
    ("below", "std", "rho", "verdict"),
    [(9, 0.01, -0.8, HOLDS), (9, 0.05, -0.8, PART), (9, 0.05, 0.8, NOT), (4, 0.01, -0.8, UNKNOWN)],
)
def test_a_low_loss_comes_with_steadier_scores_or_does_not(
    folder: Path, below: int, std: float, rho: float, verdict: str
) -> None:
    row = {"below": below, "std_below": std, "std": 0.04, "rho": rho, "p": 1e-6}
    write_table(folder, "studies/generalisation/generalisation.csv", [row])
    assert LOOK["low-loss"](cell(folder))[0] == verdict


@pytest.mark.parametrize(("successful", "verdict"), [(3.5, HOLDS), (2.0, PART), (1.0, NOT)])
def test_successful_runs_forget_as_much_less_or_nothing(folder: Path, successful: float, verdict: str) -> None:
    perplexity(folder, {(True, 1): [3.0, 2.9, 1.1, 1.0, 1.0], (False, 2): [successful, 1.0, 1.0, 1.0, 1.0]})
    assert LOOK["forgetting"](cell(folder))[0] == verdict


@pytest.mark.parametrize(("run", "verdict"), [([3.0, 2.5, 1.1, 1.0, 1.0], HOLDS), ([3.0, 2.9, 2.8, 1.1, 1.0], PART)])
def test_top_layers_forget_where_half_of_them_undo_half_of_it(folder: Path, run: list[float], verdict: str) -> None:
    perplexity(folder, {(True, 1): run, (False, 2): [2.0, 1.1, 1.0, 1.0, 1.0]})
    assert LOOK["top-layers"](cell(folder))[0] == verdict


def test_what_was_not_run_or_measured_cannot_be_told(folder: Path) -> None:
    found = cell(folder, [{"strategy": "llrd", "n": 25, "failed": 9}])
    assert {claim.look(found)[0] for claim in CLAIMS} == {UNKNOWN}


def test_a_cell_without_the_default_recipe_is_not_beside_the_papers_claims(folder: Path) -> None:
    cell(folder, [{"strategy": "authors", "n": 4, "failed": 0}])
    (deep,) = found = models(folder.parent)
    assert findings(found).empty
    assert "| the default recipe fails" not in page(deep, findings(found))


def test_a_model_without_a_title_or_with_an_unknown_key_is_told(folder: Path) -> None:
    cell(folder)
    for text, message in (
        ("about: x\n", "has no title"),
        ("title: x\ncell: []\n", "unknown key of .*'cell'"),
        ("title: x\ncells: [{model: deep, task: none}]\n", "no row of .* is about deep on none"),
        ("title: x\ncells: [{model: deep}]\n", "has no task"),
    ):
        (folder / "model.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=message):
            models(folder.parent)


def test_norms_by_layer_and_the_cost_are_gathered_of_records(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", [SyntheticCell([0.0, 0.4, 0.5])])
    assert evidence.main(["gather", str(tmp_path / "runs"), str(tmp_path / "out")]) == 0
    norms = evidence_rows(tmp_path / "out/layer-norms.csv")
    assert norms[0].startswith("model,task,strategy,seed,failed,layer,norm")
    assert {row.split(",")[4] for row in norms[1:] if row.split(",")[3] == "1"} == {"true"}
    assert {row.split(",")[4] for row in norms[1:] if row.split(",")[3] != "1"} == {"false"}
    (cost,) = evidence_rows(tmp_path / "out/cost.csv")[1:]
    assert cost.startswith("synthetic,acceptability,devlin,3,30,")


def evidence_rows(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_the_committed_pages_and_tables_are_made_again_to_the_last_byte(tmp_path: Path) -> None:
    for path in evidence.write(COMMITTED, tmp_path):
        committed = COMMITTED / path.relative_to(tmp_path)
        assert path.read_bytes() == committed.read_bytes(), committed


def test_the_readme_shows_the_committed_claims() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_claims(text, findings(models(COMMITTED))) == text


def test_a_text_without_a_place_for_the_claims_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        with_claims("# A readme\n", findings(models(COMMITTED)[:1]))


def test_a_folder_without_a_model_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evidence.main(["--root", str(tmp_path)]) == 2
    assert "has no folder with a model.yaml" in capsys.readouterr().err


def test_over_all_cells_each_is_a_task_and_the_pages_name_every_model_and_claim(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for place in ("tables", "layer-norms.csv", "cost.csv"):
            (tmp_path / name / place).symlink_to(ROOT / "reports/minilm" / place)
        (tmp_path / name / "model.yaml").write_text(f"title: Model {name}\nnot_run: much\n", encoding="utf-8")
    assert evidence.main(["--root", str(tmp_path)]) == 0
    front = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "2 pretrained models on 2 cells" in front
    assert "| the default recipe fails under some seeds | one cola-1k, two cola-1k | – | – | – |" in front
    assert "| devlin – devlin-bc | " in front
    assert all(f"| {claim.says} | " in front and f"- **{claim.says}".split("<")[0] in front for claim in CLAIMS)
    page = (tmp_path / "two/README.md").read_text(encoding="utf-8")
    assert page.startswith("# Model two\n")
    assert page.endswith("## Not run\n\nmuch\n")
    assert "| minilm cola-1k mosbach | 25 | 1,260 | 233 | " in page
    scores = evidence_rows(tmp_path / "scores.csv")
    assert (len(scores), scores[0]) == (301, "model,task,strategy,seed,metric,score,majority,failed")


def test_another_kind_of_cpu_gave_the_same_scores_to_the_last_digit() -> None:
    scores = {}
    for name in ("precision", "evidence/minilm-l3"):
        with (ROOT / "reports" / name / "tables/scores.csv").open(encoding="utf-8", newline="") as file:
            scores[name] = {(row["strategy"], row["seed"]): row["score"] for row in csv.DictReader(file)}
    shared = scores["precision"].keys() & scores["evidence/minilm-l3"].keys()
    assert len(shared) == 50
    assert all(scores["precision"][run] == scores["evidence/minilm-l3"][run] for run in shared)


def test_a_run_that_was_planned_and_not_made_is_none_of_a_cells(folder: Path) -> None:
    runs = [{"strategy": "devlin", "seed": 1, "status": "ok"}, {"strategy": "devlin", "seed": 2, "status": "missing"}]
    write_table(folder, "tables/scores.csv", runs)
    assert cell(folder).rows("tables/scores.csv")["seed"].tolist() == [1]


def test_runs_that_were_trained_again_elsewhere_are_compared_one_by_one(folder: Path) -> None:
    def runs(*scores: float) -> list[dict[str, Any]]:
        return [
            {"strategy": "devlin", "seed": seed, "status": "ok", "score": score, "failed": score == 0,
             "result_digest": f"{score:.4f}"}
            for seed, score in enumerate(scores, start=1)
        ]  # fmt: skip

    found = cell(folder)
    write_table(folder, "tables/scores.csv", runs(0.4, 0.41, 0, 0.45))
    write_table(folder, "elsewhere/tables/scores.csv", runs(0.4, 0.4104, 0.2))
    write_table(folder, "elsewhere/cost.csv", [{"device": "cpu (another, avx2)"}])
    assert not list(said(found))
    sentence, rows = said(replace(found, again=folder / "elsewhere"))
    assert sentence.startswith("yields: 3 runs were trained again on cpu (another, avx2).")
    assert rows.splitlines()[-1] == "| devlin | 3 | 2 | 2 | 1 | 20 | 23.4 around 27.0 | 11.9 around 33.7 |"
