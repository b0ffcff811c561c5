"""What `stabbench compare` makes of files that somebody else wrote: the right runs, or a message that names a fault."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from stabbench.analysis.frame import COLUMNS
from stabbench.analysis.results import Results, read_results, runs_of
from stabbench.errors import UserError
from stabbench.report.comparison import compare

HEAD = "strategy,task,seed,score\n"
TWO = "devlin,rte,1,0.5\ndevlin,rte,2,0.6\n"


def read(folder: Path, content: str | bytes, name: str = "results.csv") -> Results:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return runs_of(read_results(path), source=name)


def plain(**columns: object) -> pd.DataFrame:
    """Four runs of two strategies on one task, with these columns changed or added."""
    table = {"strategy": ["a", "a", "b", "b"], "task": "rte", "seed": [1, 2, 1, 2], "score": [0.5, 0.6, 0.7, 0.2]}
    return pd.DataFrame({**table, **columns})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file holds nothing but blank lines, expected a table: was it"),
        (HEAD, "no rows"),
        ("strategy,tsak,seed,score\na,b,1,1\n", r"no column 'task' \(is it 'tsak'\?\)"),
        ("strategy;task;seed;score\n", "no rows"),
        ("a:b:c\n1:2:3\n", "found a:b:c"),
        ("strategy,task,seed,score,score\na,b,1,1,1\n", "more than one column 'score'"),
        (HEAD + TWO + "devlin,rte,3,high\n", r"data row 3 \(devlin on rte, seed 3\), column 'score': found 'high'"),
        (HEAD + TWO + "devlin,rte,3,NA\n", "data row 3 .*found 'NA', expected a number"),
        (HEAD + TWO + "devlin,rte,3,\n", "data row 3 .*column 'score': found nothing or NaN"),
        (HEAD + TWO + "devlin,rte,3,nan\n", "data row 3 .*column 'score': found nothing or NaN"),
        (HEAD + TWO + "devlin,rte,3,-inf\n", "data row 3 .*'-inf', expected a finite number"),
        (HEAD + TWO + "devlin,rte,3,62.8\n", "data row 3 .*62.8.*a fraction.*--percent"),
        (HEAD + TWO + "devlin,rte,3,true\n", "data row 3 .*'true', expected a number"),
        (HEAD + "devlin,rte,1,true\n", "data row 1 .*'True', expected a number"),
        (HEAD + TWO + "devlin,rte,2,0.7\n", r"data row 3 \(devlin on rte, seed 2\): this run stands in data row 2"),
        (HEAD + TWO + "devlin,rte,2.5,0.7\n", "data row 3 .*column 'seed': found '2.5', expected a whole number"),
        (HEAD + TWO + "devlin,rte,x,0.7\n", "data row 3 .*column 'seed': found 'x'"),
        (HEAD + "devlin,rte,99999999999999999999,0.7\n", "data row 1 .*a whole number of at most 64 bits"),
        (HEAD + TWO + ",rte,3,0.7\n", "data row 3 .*column 'strategy': found nothing"),
        (HEAD + TWO + "a\x07b,rte,3,0.7\n", "data row 3 .*column 'strategy'.*printable"),
        (HEAD + TWO + "devlin,rte,3\n", "line 4: 3 columns, expected 4"),
        (HEAD + TWO + "devlin,rte,3,0.7,x\n", "line 4: 5 columns, expected 4"),
        (
            (HEAD + TWO + "dévlin,rte,3,0.7\n").encode("latin-1"),
            "line 4 is not UTF-8 .byte 0xe9.: save the file as UTF-8$",
        ),
        ((HEAD.replace("task", "tâche") + TWO).encode("latin-1"), "line 1 is not UTF-8"),
    ],
)
def test_a_faulty_csv_file_is_refused_by_row_and_column(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("results.xlsx", "x", "unknown ending '.xlsx', expected one of .csv"),
        ("results", "x", "unknown ending ''"),
        ("results.parquet", "not parquet", "not readable as .parquet"),
        ("results.jsonl", "[1]\n", r"line 1: found \[1\], expected an object"),
        ("results.jsonl", '{"seed": 1}\n\n{"seed":\n', "line 3: not JSON"),
        ("results.jsonl", "\n", "nothing but blank lines"),
        ("results.jsonl", '{"strategy": "a", "task": "t", "seed": 1, "score": NaN}\n', "found nothing or NaN"),
        ("results.jsonl", '{"strategy": "a", "task": "t", "seed": 1, "score": "high"}\n', "found 'high'"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content, name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.csv: there is no such file"):
        read_results(tmp_path / "gone.csv")


def test_all_kinds_of_files_give_the_same_runs(tmp_path: Path) -> None:
    table = plain(score=[0.1, 1 / 3, 0.7000000000000001, 5e-324])
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    table.to_parquet(tmp_path / "a.parquet")
    rows = [json.dumps(row) for row in table.to_dict("records")]
    (tmp_path / "a.jsonl").write_text("\n\n".join(rows))
    expected = runs_of(table).runs
    assert list(expected.columns) == list(COLUMNS)
    for name in ("a.csv", "a.tsv", "a.parquet", "a.jsonl"):
        pd.testing.assert_frame_equal(runs_of(read_results(tmp_path / name)).runs, expected, check_exact=True)


def test_blanks_around_names_a_byte_order_mark_and_empty_lines_do_not_matter(tmp_path: Path) -> None:
    awkward = "\ufeff strategy , task,seed, score\n a ,rte,1, 0.5\n\na, rte,2,0.6\n\n"
    runs = read(tmp_path, awkward).runs
    assert runs["strategy"].tolist() == ["a", "a"]
    assert runs["score"].tolist() == [0.5, 0.6]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(encoding: str, tmp_path: Path) -> None:
    for name, content in (("r.csv", HEAD + TWO), ("r.jsonl", '{"strategy":"ö","task":"t","seed":1,"score":0.5}')):
        path = tmp_path / name
        path.write_bytes(content.encode(encoding))
        assert len(compare(path).runs) == (2 if name == "r.csv" else 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("null.json", b"null", "null.json: found null, expected a table: a list of objects, one a run"),
        ("word.json", b'"rte"', 'found "rte", expected a table'),
        ("notes.md", "schöne Grüße".encode(), "no reader knows this file: it begins with the text 'schöne Grüße'"),
        ("plot.png", b"\x89PNG\r\n\x1a\n" * 9, "it is no text, and begins with the bytes 89 50 4e 47"),
    ],
)
def test_a_file_without_a_table_is_told_in_words(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        compare(tmp_path / name)


def test_names_that_look_like_numbers_stay_names(tmp_path: Path) -> None:
    runs = read(tmp_path, HEAD + "1,2019,1,0.5\n01,2019,1,0.5\n").runs
    assert runs["strategy"].tolist() == ["1", "01"]
    assert runs["task"].tolist() == ["2019", "2019"]


def test_whole_numbers_as_text_or_floats_are_seeds_and_numbers_as_text_are_scores() -> None:
    runs = runs_of(plain(seed=["1", "2", 1, 2.0], score=["0.5", 0.6, "0.7", 0.2])).runs
    assert runs["seed"].tolist() == [1, 2, 1, 2]
    assert runs["score"].tolist() == [0.5, 0.6, 0.7, 0.2]


def test_without_any_word_on_failures_none_is_claimed_or_denied() -> None:
    found = runs_of(plain())
    assert found.failed == ""
    assert found.runs["failed"].isna().all()
    assert set(found.runs["status"]) == {"unjudged"}


@pytest.mark.parametrize(
    ("columns", "majority", "failed"),
    [
        ({"failed": ["true", "False", 1, 0]}, {}, [True, False, True, False]),
        ({"status": ["ok", "failed", "diverged", "ok"]}, {}, [False, True, True, False]),
        ({"majority": 0.5}, {}, [True, False, False, True]),
        ({}, {"rte": 0.5}, [True, False, False, True]),
        ({"accuracy": [0.9, 0.8, 0.5, 0.4]}, {"rte": 0.5}, [False, False, True, True]),
    ],
)
def test_failed_runs_are_known_by_a_column_or_by_the_majority_classifier(
    columns: dict[str, object], majority: dict[str, float], failed: list[bool]
) -> None:
    found = runs_of(plain(**columns), majority=majority)
    assert found.runs["failed"].tolist() == failed
    assert found.failed


def test_a_task_without_a_word_on_failures_stays_unknown_beside_one_with_it() -> None:
    found = runs_of(plain(task=["rte", "rte", "cola", "cola"], seed=[1, 2, 1, 2]), majority={"rte": 0.5})
    assert found.runs["failed"].isna().tolist() == [False, False, True, True]


def test_a_missing_run_has_no_score_and_did_not_fail() -> None:
    runs = runs_of(plain(status=["ok", "missing", "failed", "ok"], score=[0.5, None, 0.1, 0.6])).runs
    assert runs["status"].tolist() == ["ok", "missing", "failed", "ok"]
    assert math.isnan(runs["score"][1])
    assert not runs["failed"][1]


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"failed": [True, None, True, False]}, {}, "data row 2 .*column 'failed': found nothing"),
        ({"failed": ["maybe", 0, 1, 0]}, {}, "data row 1 .*'maybe', expected true or false"),
        ({"failed": False}, {"majority": {"rte": 0.5}}, "column 'failed' says which runs failed"),
        ({"accuracy": [0.5, None, 0.5, 0.5]}, {"majority": {"rte": 0.5}}, "data row 2 .*column 'accuracy'"),
        ({"accuracy": [0.5, 80, 0.5, 0.5]}, {}, "data row 2 .*column 'accuracy': found '80.0'"),
        ({"majority": [0.5, 0.5, 0.4, 0.5]}, {}, "data row 3 .*one majority for all runs"),
        ({"metric": ["mcc", "mcc", "f1", "mcc"]}, {}, "data row 3 .*one metric for all runs"),
        ({"status": ["ok", "finished", "ok", "ok"]}, {}, "data row 2 .*'finished', expected one of ok, failed"),
        ({}, {"majority": {"rt": 0.5}}, "unknown task of --majority 'rt': did you mean 'rte'"),
        ({}, {"majority": {"rte": 52.7}}, "--majority rte is 52.7"),
        ({}, {"majority": {"rte": math.nan}}, "--majority rte is nan"),
        ({"score": [50, 60, 70, 120]}, {"percent": True}, "data row 4 .*'120', expected per cent"),
        (
            {"score": [0.5, True, "x", 0.1]},
            {},
            r"2 rows, expected a number:\n  data row 2 .*'True'\n  data row 3 .*'x'",
        ),
        ({"score": [0.5, [], 0.1, 0.1]}, {}, "data row 2 .*expected a number"),
        ({"failed": [True, [], False, {}]}, {}, "column 'failed': 2 rows, expected true or false"),
    ],
)
def test_a_faulty_table_is_refused(columns: dict[str, object], options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        runs_of(plain(**columns), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", ["jsonl", "json"])
@pytest.mark.parametrize("value", [{"name": "ours"}, ["ours"]])
@pytest.mark.parametrize("column", ["strategy", "task", "model"])
def test_an_object_or_list_is_no_name(column: str, value: object, ending: str, tmp_path: Path) -> None:
    rows = [{"strategy": "a", "task": "rte", "model": "m", "seed": seed, "score": 0.5 + seed / 10} for seed in (1, 2)]
    rows[1][column] = value  # type: ignore[assignment]
    path = tmp_path / f"results.{ending}"
    path.write_text(json.dumps(rows) if ending == "json" else "\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError, match=f"data row 2 .*column '{column}': found .*, expected a name of printable"):
        compare(path)


def test_per_cent_and_fractions_give_the_same_runs_and_the_unit_is_said() -> None:
    fractions = runs_of(plain(), majority={"rte": 0.5})
    per_cent = runs_of(plain(score=[50, 60, 70, 20]), majority={"rte": 50}, percent=True)
    pd.testing.assert_frame_equal(fractions.runs, per_cent.runs)
    assert "read as fractions" in fractions.notes[0]
    assert "read as per cent" in per_cent.notes[0]


def test_what_was_taken_for_granted_is_said() -> None:
    notes = " ".join(runs_of(plain(learning_rate=1e-5, score=[0.5, 0.6, 0.7, 0.2]), percent=True).notes)
    assert "one model" in notes
    assert "not used: learning_rate" in notes
    assert "if they are fractions" in notes
