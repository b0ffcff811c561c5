"""What `stabbench publish` writes: others' loaders read it, it says nothing private, and it is the same every time."""

from __future__ import annotations

import json
import re
import shutil
import socket
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from pandas.testing import assert_frame_equal
from ruamel.yaml import YAML

import stabbench
from stabbench.analysis.stability import stability
from stabbench.cli import main
from stabbench.plan import Cell, Spec, write_plan
from stabbench.publishing.private import without_places
from stabbench.report.content import gather
from stabbench.report.tables import markdown
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs

RANDOM = np.random.default_rng(3)
STEADY = (0.5 + 0.05 * RANDOM.standard_normal(12)).tolist()
AUTHOR = ("--author", "Doe, Jane")


@dataclass(frozen=True)
class OfJane(SyntheticCell):
    """A cell whose spec and sources say where things lie on somebody's machine."""

    def plan(self) -> Cell:
        """The cell, trained by a command of hers."""
        cell = super().plan()
        options = {"command": ["/home/jane/venv/bin/python", "train.py", "--data=/data/jane/rte", "--out", "{out}"]}
        trainer = {"plugin": "command", "version": "1", "options": options}
        sources = {**cell.sources, "model": "/home/jane/models/bert"}
        return replace(cell, sources=sources, spec=Spec({**cell.spec, "trainer": trainer}))


def publish(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["publish", *arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two strategies on two tasks, published with their predictions.

    Of devlin's twelve runs on one of them two failed and one diverged.
    """
    folder = tmp_path_factory.mktemp("made")
    cells = [
        OfJane([*STEADY[:9], -0.1, DIVERGED, 0.0]),
        SyntheticCell(STEADY, strategy="mosbach"),
        SyntheticCell(STEADY[::-1], task="rte", metrics=("accuracy",)),
        SyntheticCell([0.8 + score / 10 for score in STEADY], task="rte", strategy="mosbach", metrics=("accuracy",)),
    ]
    write_plan(folder / "plan", [item.cell for item in write_runs(folder / "runs", cells)])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("STABBENCH_STORE", raising=False)
        found = publish("results", *AUTHOR, "--predictions")
    assert found.exit_code == 0, found.output
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project that was published, the current one, to be changed."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    shutil.copytree(made / "plan", tmp_path / "plan")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    return tmp_path


@pytest.fixture
def published(made: Path) -> Path:
    """The published folder, which nobody changes."""
    return made / "results"


@pytest.fixture
def changeable(project: Path, published: Path) -> Path:
    """A copy of it."""
    shutil.copytree(published, project / "results")
    return project / "results"


def table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def test_compare_makes_the_same_table_of_it_as_the_report_of_the_records(published: Path) -> None:
    content = gather(published.parent / "runs")
    found = stabbench.compare(published)
    shared = [name for name in content.table if name in found.stability]
    assert_frame_equal(found.stability[shared], content.table[shared], check_dtype=False, check_categorical=False)
    rows = slice(0, 6)  # below them a caption says where scores come from
    assert found.to_markdown().splitlines()[rows] == markdown(content).splitlines()[rows]
    assert found.content.predictions, "predictions come with it"


def test_the_table_of_runs_alone_is_read_as_any_table_is(published: Path) -> None:
    found = stabbench.compare(published / "data/runs.parquet")
    assert_frame_equal(found.stability, stability(found.runs), check_dtype=False)
    assert list(found.stability["failed"]) == [3, 0, 12, 0]


def test_the_loader_of_the_hub_reads_the_folder_by_its_card(published: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    cache = str(tmp_path / "cache")
    runs = datasets.load_dataset(str(published), split="train", cache_dir=cache)
    predictions = datasets.load_dataset(str(published), "predictions", split="train", cache_dir=cache)
    assert (runs.num_rows, predictions.num_rows) == (48, 48 * 20)
    assert {"strategy", "seed", "score", "final_mcc", "recipe_learning_rate", "fingerprint"} <= set(runs.column_names)


def test_the_cards_head_is_what_the_hub_reads(published: Path) -> None:
    from huggingface_hub import DatasetCard

    data = DatasetCard.load(published / "README.md").data.to_dict()
    assert data["license"] == "cc-by-4.0"
    assert [config["config_name"] for config in data["configs"]] == ["runs", "predictions"]
    assert data["size_categories"] == ["n<1K"]


def test_the_card_has_seeds_std_and_failed_runs_of_every_cell(published: Path) -> None:
    text = (published / "README.md").read_text(encoding="utf-8")
    std = 100 * np.std(STEADY, ddof=1)
    assert re.search(rf"\| synthetic \| acceptability \| MCC \| mosbach \| 12 \| {std:.1f} \| \S+ \| 0/12 \|", text)
    assert re.search(r"\| synthetic \| acceptability \| MCC \| devlin \| 12 \| \S+ \| \S+ \| 3/12 \|", text)


def test_every_run_has_its_scores_recipe_and_seeds(published: Path) -> None:
    runs = table(published / "data/runs.parquet")
    first = runs[(runs["strategy"] == "mosbach") & (runs["task"] == "acceptability")].iloc[0]
    assert (first["seed"], first["score"], first["final_mcc"]) == (1, STEADY[0], STEADY[0])
    assert first["final_accuracy"] == pytest.approx(0.69 + 0.3 * STEADY[0])
    assert (first["recipe_learning_rate"], first["recipe_bias_correction"]) == (2e-5, True)
    assert [first[f"seed_{stream}"] for stream in ("head", "order", "dropout", "strategy")] == [1] * 4
    assert json.loads(first["spec"])["recipe"]["learning_rate"] == 2e-5
    assert list(runs["status"].unique()) == ["ok", "failed", "diverged"]


def test_nothing_tells_where_or_on_which_machine_the_runs_were_made(published: Path) -> None:
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in published.rglob("*") if path.is_file()}
    for path in published.rglob("*.parquet"):
        texts[path] = table(path).to_csv()
    for path, text in texts.items():
        assert "jane" not in text, path
        assert str(published.parent) not in text, path
        assert socket.gethostname() not in re.findall(r"[\w.-]+", text), path
        assert "git" not in re.findall(r"\w+", text), path
    runs = table(published / "data/runs.parquet")
    words = json.loads(runs["trainer"].dropna().iloc[0])["options"]["command"]
    assert words == ["…/python", "train.py", "--data=…/rte", "--out", "{out}"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/jane/train.py", "…/train.py"),
        ("~/models/bert", "…/bert"),
        ("~jane/x y", "…/x y"),
        (r"C:\Users\Jane\a.csv", "…/a.csv"),
        ("../../jane/data.csv", "…/data.csv"),
        ("python /opt/jane/a.py --x=/tmp/b:/tmp/c", "python …/a.py --x=…/b:…/c"),
        ("hdfs://cluster:9000/jane/data", "hdfs…/data"),
        ("ssh://jane@cluster", "ssh…"),
        ("./train.py", "./train.py"),
        ("src/train.py", "src/train.py"),
        ("google-bert/bert-base-uncased", "google-bert/bert-base-uncased"),
        ("a/b ratio, 1/2", "a/b ratio, 1/2"),
        ("2e-5", "2e-5"),
    ],
)
def test_of_a_place_outside_of_the_project_no_more_than_the_last_part_stays(text: str, left: str) -> None:
    assert without_places(text) == left
    assert without_places({"words": [text, 1, None]}) == {"words": [left, 1, None]}


def test_the_same_records_give_the_same_bytes(published: Path, project: Path) -> None:
    assert publish("again", *AUTHOR, "--predictions").exit_code == 0
    again = project / "again"
    names = [path.relative_to(published) for path in sorted(published.rglob("*")) if path.is_file()]
    assert names == [path.relative_to(again) for path in sorted(again.rglob("*")) if path.is_file()]
    for name in names:
        assert (published / name).read_bytes() == (again / name).read_bytes(), name


def test_predictions_are_left_at_home_unless_they_are_asked_for(project: Path) -> None:
    assert publish("results", *AUTHOR).exit_code == 0
    assert [path.name for path in (project / "results/data").iterdir()] == ["runs.parquet"]
    assert "predictions" not in (project / "results/README.md").read_text(encoding="utf-8").split("---")[1]


def test_citation_and_deposition_name_authors_licence_and_the_paper(project: Path) -> None:
    said = (*AUTHOR, "--author", "The Example Lab", "--licence", "CC0-1.0", "--title", 'Steady: "or not"')
    assert publish("results", *said).exit_code == 0
    cited = YAML(typ="safe", pure=True).load((project / "results/CITATION.cff").read_text(encoding="utf-8"))
    assert cited["authors"] == [{"family-names": "Doe", "given-names": "Jane"}, {"name": "The Example Lab"}]
    assert (cited["license"], cited["title"], cited["type"]) == ("CC0-1.0", 'Steady: "or not"', "dataset")
    deposition = json.loads((project / "results/.zenodo.json").read_text(encoding="utf-8"))
    assert deposition["creators"] == [{"name": "Doe, Jane"}, {"name": "The Example Lab"}]
    assert (deposition["upload_type"], deposition["license"]) == ("dataset", "cc0-1.0")
    assert deposition["related_identifiers"][0]["identifier"] == cited["references"][0]["url"]


def test_every_eval_ever_has_the_mean_over_seeds_with_its_standard_error(published: Path) -> None:
    (file,) = (published / "every-eval-ever").rglob("*.json")
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found["model_info"]["id"] == "unknown/synthetic", "a path says nobody's name"
    assert file.parent == published / "every-eval-ever/data/stabbench/unknown/synthetic"
    by_name = {entry["evaluation_name"]: entry for entry in found["evaluation_results"]}
    entry = by_name["acceptability, mosbach"]
    assert entry["score_details"]["score"] == pytest.approx(np.mean(STEADY), rel=1e-5)
    uncertainty = entry["score_details"]["uncertainty"]
    assert uncertainty["standard_error"]["value"] == pytest.approx(np.std(STEADY, ddof=1) / np.sqrt(12), rel=1e-5)
    assert entry["metric_config"]["min_score"] == -1
    assert by_name["acceptability, devlin"]["score_details"]["details"]["failed_runs"] == "3"
    hub = by_name["rte, devlin"]["source_data"]
    assert (hub["source_type"], hub["hf_repo"]) == ("hf_dataset", "nyu-mll/glue")


def test_a_folder_with_something_in_it_is_left_alone(project: Path) -> None:
    (project / "mine").mkdir()
    (project / "mine/notes.txt").write_text("mine")
    for arguments in ([], ["--force"]):
        found = publish("mine", *AUTHOR, *arguments)
        assert found.exit_code == 2
        assert "mine is not empty (it holds notes.txt): choose a new folder" in found.output
    assert [path.name for path in (project / "mine").iterdir()] == ["notes.txt"]
    found = publish("mine/notes.txt", *AUTHOR)
    assert found.exit_code == 2
    assert "is a file, expected a folder" in found.output


def test_an_older_publication_is_replaced_when_it_is_said_and_a_repositorys_own_files_stay(changeable: Path) -> None:
    (changeable / ".git").mkdir()
    (changeable / "notebook.ipynb").write_text("{}")
    found = publish("results", *AUTHOR)
    assert found.exit_code == 2
    assert "--force replaces what was published there" in found.output
    assert publish("results", *AUTHOR, "--title", "Another", "--force").exit_code == 0
    assert not (changeable / "data/predictions.parquet").exists()
    assert len(list((changeable / "every-eval-ever").rglob("*.json"))) == 1
    assert (changeable / ".git").is_dir()
    assert (changeable / "notebook.ipynb").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "found no author, expected --author 'Family, Given'"),
        (["--author", "Doe, Jane, Dr"], "found the author 'Doe, Jane, Dr'"),
        (["--author", " , Jane"], "found the author"),
        ([*AUTHOR, "--licence", "CC BY 4.0"], "found the licence 'CC BY 4.0', expected an SPDX identifier"),
        ([*AUTHOR, "--title", " "], "found the title"),
    ],
)
def test_what_no_archive_would_take_is_refused_before_any_work(
    project: Path, arguments: list[str], message: str
) -> None:
    found = publish("results", *arguments)
    assert found.exit_code == 2
    assert message in found.output
    assert not (project / "results").exists()


def test_without_runs_or_with_missing_ones_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    found = publish("results", *AUTHOR)
    assert found.exit_code == 2
    assert "run `stabbench init`" in found.output
    write_runs(tmp_path / "runs", [SyntheticCell([*STEADY[:5], None])])
    found = publish("results", *AUTHOR)
    assert found.exit_code == 2
    assert "--incomplete" in found.output
    assert publish("results", *AUTHOR, "--incomplete").exit_code == 0
    runs = table(tmp_path / "results/data/runs.parquet")
    assert list(runs["status"]) == ["ok"] * 5 + ["missing"]
    assert "| 5 of 6 |" in (tmp_path / "results/README.md").read_text(encoding="utf-8")
    assert int(stabbench.compare(tmp_path / "results").stability["planned"].iloc[0]) == 6


def test_a_metric_without_bounds_is_published_and_left_out_of_every_eval_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.analysis import synthetic

    monkeypatch.setitem(synthetic.MAJORITY, "rmse", 1.0)
    monkeypatch.chdir(tmp_path)
    write_runs(tmp_path / "runs", [SyntheticCell(STEADY, metrics=("rmse",))])
    found = publish("results", *AUTHOR)
    assert found.exit_code == 0, found.output
    assert "Every Eval Ever has no place for rmse, which has no bounds" in found.output
    assert not (tmp_path / "results/every-eval-ever").exists()
    assert bool(table(tmp_path / "results/data/runs.parquet")["lower_is_better"].all())
    assert stabbench.compare(tmp_path / "results").content.scoring.kind("rmse").lower


def test_a_published_table_that_lacks_a_column_is_named(changeable: Path) -> None:
    from stabbench.errors import UserError
    from stabbench.publishing.tables import parquet
    from stabbench.readers.published import MARK, VERSION

    file = changeable / "data/runs.parquet"
    file.write_bytes(parquet(table(file).drop(columns="majority"), {MARK: VERSION}))
    with pytest.raises(UserError, match=r"runs.parquet: there is no column majority"):
        stabbench.compare(changeable)
