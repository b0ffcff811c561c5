"""What a report says of regressions and of metrics of which the lower score is the better one."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

from stabbench.cli import main
from stabbench.files import read_json
from stabbench.report.content import Content, gather
from stabbench.report.figures.drawing import style
from stabbench.report.section import Section
from stabbench.report.sections import views
from stabbench.report.tables import markdown
from tests.regression.conftest import run
from tests.report.test_tables import compiled, needs_latex


@pytest.fixture(scope="module")
def content(trained: Path) -> Content:
    return gather(trained / "runs")


@pytest.fixture(scope="module")
def sections(content: Content) -> dict[str, Section]:
    with style():
        return {section.name: section for section in views(content)}


def number(table: pd.DataFrame, task: str, strategy: str, column: str) -> float:
    """One value of a table with a row a cell."""
    chosen = table[(table["task"] == task) & (table["strategy"] == strategy)]
    return float(chosen[column].iloc[0])


def figure_of(section: Section, task: str) -> Figure:
    (found,) = (item.figure for item in section.figures if item.place is not None and item.place.task == task)
    return found


def text_of(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", page.read_text()))


def test_scores_of_errors_are_printed_as_they_stand_and_the_smallest_is_the_best(project: Path) -> None:
    table = pd.read_csv("reports/tables/stability.csv")
    text = Path("reports/tables/stability.md").read_text()
    assert "(grade: R²; error: RMSE)" in text
    assert (
        "| strategy | grade std | grade mean | grade max | grade failed | error std | error mean | error min |" in text
    )
    (row,) = (line for line in text.splitlines() if line.startswith("| mosbach"))
    assert 1e-3 < number(table, "error", "devlin", "std") < 1e-2  # so two digits of it are four after the point
    for printed, name in zip(row.split(" | ")[6:8], ("mean", "min"), strict=True):
        assert re.fullmatch(r"\d\.\d{4}", printed)
        assert float(printed) == pytest.approx(number(table, "error", "mosbach", name), abs=1e-4)
    assert f"{100 * number(table, 'grade', 'mosbach', 'max'):.1f}" in row
    assert "maximum (minimum where lower is better) (× 100; RMSE as it stands)" in text
    assert "whose score is at most (lower is better: at least) the best constant prediction's" in text


def test_a_run_fails_at_or_above_the_baseline_of_an_error_and_at_or_below_that_of_r2(content: Content) -> None:
    runs = content.runs
    errors, grades = runs[runs["task"] == "error"], runs[runs["task"] == "grade"]
    assert (errors["failed"] == (errors["score"] >= errors["majority"])).all()
    assert (grades["failed"] == (grades["score"] <= grades["majority"])).all()
    assert set(runs.loc[runs["strategy"] == "devlin", "failed"]) == {True}
    assert not runs.loc[runs["strategy"] == "mosbach", "failed"].all()


def test_no_word_of_the_page_speaks_of_a_classifier_a_majority_or_of_nats(project: Path) -> None:
    text = text_of(Path("reports/index.html"))
    assert "best constant prediction" in text
    assert not re.search("classifier|majority", text, re.IGNORECASE)
    assert "while pooler and head keep theirs" in text
    assert set(re.findall(r"\S+ nats", text)) <= {"0 nats", "0.0 nats"}  # the masked language model's
    assert "class shares" not in text


def test_a_run_is_called_collapsed_by_the_spread_of_its_predictions(content: Content) -> None:
    assert "the predictions' std is at most 1 % of the training labels'" in content.origin.definitions[1]


@needs_latex
def test_the_latex_table_names_r2_and_compiles(project: Path, tmp_path: Path) -> None:
    shutil.copy("reports/tables/stability.tex", tmp_path)
    assert "grade (R$^{2}$)" in (tmp_path / "stability.tex").read_text()
    assert "Missing character" not in compiled(tmp_path)


def test_other_peoples_command_makes_the_same_table_of_the_scores(project: Path, tmp_path: Path) -> None:
    run("compare", "reports/tables/scores.csv", "--out", str(tmp_path / "again"))
    assert (tmp_path / "again/tables/stability.csv").read_bytes() == Path("reports/tables/stability.csv").read_bytes()


def test_the_summary_says_in_which_unit_its_numbers_are(project: Path) -> None:
    text = run("report", "--format", "md").output
    assert "error (RMSE) std" in text
    assert "std and mean (× 100; RMSE as it stands) of the score on dev" in text


def test_figures_draw_errors_as_they_stand(sections: dict[str, Section], content: Content) -> None:
    scores = content.runs.loc[content.runs["task"] == "error", "score"]
    (axes,) = figure_of(sections["scores"], "error").axes
    assert axes.get_ylabel() == "dev RMSE, lower is better"
    assert axes.get_ylim()[1] < 2 * scores.max()
    (axes,) = figure_of(sections["scores"], "grade").axes
    assert axes.get_ylabel() == "dev R² (× 100)"
    for name, factor, label in (("error", 1, "dev RMSE, lower is better"), ("grade", 100, "dev R² (× 100)")):
        for chapter in ("training", "failed-runs", "generalisation"):
            (figure, *_) = (item.figure for item in sections[chapter].figures if item.place and item.place.task == name)
            *_, lower = figure.axes
            assert lower.get_ylabel() == label
            baseline = factor * float(content.runs.loc[content.runs["task"] == name, "majority"].iloc[0])
            assert any(np.allclose(line.get_ydata(), baseline) for line in lower.lines), chapter


def test_losses_are_squared_errors_set_against_the_variance_of_the_labels(
    sections: dict[str, Section], content: Content
) -> None:
    section = sections["failed-runs"]
    labels = pd.read_parquet(content_folder(content) / "data/error/train.parquet")["label"]
    table = section.data["failed-runs"]
    assert number(table, "error", "devlin", "label_entropy") == pytest.approx(labels.var(ddof=0))
    assert number(table, "grade", "devlin", "label_entropy") == pytest.approx(1.0)
    upper = figure_of(section, "error").axes[0]
    assert upper.get_ylabel() == "training loss (squared error)"
    assert "the labels' mean costs" in section.found[0]
    assert "the variance of the training labels" in section.looks_for
    ((caption, grid),) = section.tables
    assert "as squared error of the scaled labels or as squared error." in caption
    assert "at the loss of the labels' mean" in grid.head


def content_folder(content: Content) -> Path:
    record = next(iter(content.selection.cells[0].records.values()))
    return record.folder.parents[4]


def test_per_point_stability_of_numbers_is_the_variance_of_the_prediction_over_that_of_the_labels(
    sections: dict[str, Section], content: Content
) -> None:
    section = sections["example-stability"]
    summary = section.data["stability"]
    for item in content.selection.cells:
        tables = [record.predictions() for record in item.records.values()]
        labels = tables[0]["label"].to_numpy()
        predictions = np.stack([table["prediction"].to_numpy() for table in tables])
        cell = item.cell.task, item.cell.strategy
        assert number(summary, *cell, "value") == pytest.approx(predictions.var(axis=0, ddof=1).mean() / labels.var())
        r2 = 1 - ((predictions - labels) ** 2).mean(axis=1) / labels.var()
        assert number(summary, *cell, "r2_variance") == pytest.approx(r2.var(ddof=1))
    assert "accuracy_variance" not in summary
    assert "divided by the variance of dev's labels" in section.looks_for
    examples = section.data["examples"]
    assert list(examples.columns) == [
        "cell", "example", "label", "prediction", "variance", "prediction_successful", "variance_successful",
    ]  # fmt: skip
    assert "% of the labels' variance" in figure_of(section, "grade").axes[-1].get_xlabel()


def test_task_statistics_have_the_range_of_the_labels_and_the_best_constant_as_a_number(
    sections: dict[str, Section], content: Content
) -> None:
    section = sections["task-statistics"]
    table = section.data["tasks"].set_index("task")
    labels = pd.read_parquet(content_folder(content) / "data/error/dev.parquet")["label"]
    found = table.loc["error", ["dev_smallest", "dev_mean", "dev_std", "dev_largest"]].astype(float)
    assert list(found) == pytest.approx([labels.min(), labels.mean(), labels.std(ddof=0), labels.max()])
    grid = section.tables[0][1]
    row = dict(zip(grid.head, grid.rows[1], strict=True))
    assert row["metrics (headline first)"] == "RMSE, MAE"
    assert row["labels: smallest, mean, std, largest"].startswith("train: ")
    assert row["best constant"].startswith(f"RMSE {labels.std(ddof=0):.4g} ({labels.mean():.4g}), MAE ")


def test_for_dvc_scores_say_by_what_they_are_drawn_times(project: Path) -> None:
    scores = pd.read_csv("reports/plots/scores.csv")
    assert dict(zip(scores["place"], scores["times"], strict=True)) == {"embedded/grade": 100, "embedded/error": 1}
    template = read_json(Path("reports/plots/scores.json"))
    assert "datum.times" in template["transform"][0]["calculate"]
    assert template["spec"]["encoding"]["y"]["title"] == "score (× 100; RMSE as it stands)"


def test_studies_speak_of_errors_and_their_smallest(project: Path) -> None:
    text = text_of(Path("reports/index.html"))
    assert "Score on dev (RMSE) at the last step" in text
    assert "Scores on dev (as they stand) at the last step" in text
    assert "Random-effects components by the method of moments, in the score's unit, squared." in text
    assert "final training loss and dev score (lower is better) is" in text
    settings = pd.read_csv("reports/studies/ablation/settings.csv")
    best = settings.loc[settings["learning_rate"] == 1e-2, "min"].min()
    assert re.search(rf"\b{best:.4g}\b".replace(".", r"\."), text)
    runs = pd.read_csv("reports/studies/crossed/runs.csv")
    assert f"the std is {runs['score'].std():.4g} and the mean {runs['score'].mean():.4g}" in text
    components = pd.read_csv("reports/studies/crossed/components.csv")
    assert re.search(rf"\s{components['variance'].iloc[1]:.4g}\s", text)


def test_probes_measure_squared_errors_and_perplexities(project: Path) -> None:
    surface = read_json(Path("reports/studies/surface/facts.json"))
    assert surface["objective"]["name"] == "regression"
    assert "(squared error)" in surface["found"][1]
    points = pd.read_csv("reports/studies/surface/points.csv")
    loss = dict(zip(points["point"], points["loss"].astype(float), strict=True))
    assert loss["successful"] < 0.5 < loss["pretrained"]
    forgetting = read_json(Path("reports/studies/forgetting/facts.json"))
    assert forgetting["reference"]["perplexity"] > 1


def test_scoring_again_says_why_it_cannot_and_where_the_scores_stand(project: Path) -> None:
    predictions = "runs/embedded/error/mosbach/seed-0001/predictions.parquet"
    result = CliRunner().invoke(main, ["score", predictions, "--metric", "accuracy"])
    assert result.exit_code == 2
    assert "these labels are numbers" in result.output
    assert "record.json" in result.output


def test_the_same_records_give_the_same_report(content: Content) -> None:
    assert markdown(content) == markdown(gather(content_folder(content) / "runs"))
