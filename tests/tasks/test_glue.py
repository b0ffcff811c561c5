"""GLUE's files: read as they are, refused with file and line where they are not."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest

from stabbench.datasets import DATASETS
from stabbench.errors import UserError
from stabbench.tasks.sources.glue import read_file, read_split

SCORES = ("5.000", "3.867", "0.000")
RTE_HEADER = "index\tsentence1\tsentence2\tlabel\n"


def put(folder: Path, dataset: str, content: str | bytes, split: str = "train") -> Path:
    path = folder / DATASETS[dataset].folder / DATASETS[dataset].files[split].name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(
    folder: Path, dataset: str, split: Literal["train", "dev"] = "train", labels: str = "int64"
) -> list[tuple[object, ...]]:
    frame = read_split(DATASETS[dataset], folder, split)
    assert [str(kind) for kind in frame.dtypes] == ["int64", "object", "object", labels]
    return list(frame.itertuples(index=False, name=None))


def header(dataset: str, split: str = "train") -> str:
    return "\t".join(DATASETS[dataset].header(split) or ()) + "\n"


def objects(*rows: Mapping[str, object]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_rte_and_qnli_have_a_header_and_a_label_in_words(tmp_path: Path) -> None:
    rows = "0\tIt rains.\tIt is wet.\tentailment\n1\tIt rains.\tIt snows.\tnot_entailment\n"
    put(tmp_path, "rte", RTE_HEADER + rows)
    put(tmp_path, "qnli", "index\tquestion\tsentence\tlabel\n" + rows)
    expected = [(0, "It rains.", "It is wet.", 0), (1, "It rains.", "It snows.", 1)]
    assert read(tmp_path, "rte") == expected
    assert read(tmp_path, "qnli") == expected


def test_mrpc_has_its_label_first_and_its_texts_last(tmp_path: Path) -> None:
    put(tmp_path, "mrpc", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tA sat.\tB sat.\n0\t9\t9\tC ran.\tD.\n")
    assert read(tmp_path, "mrpc") == [(0, "A sat.", "B sat.", 1), (1, "C ran.", "D.", 0)]


def test_cola_and_scitail_have_no_header(tmp_path: Path) -> None:
    put(tmp_path, "cola", "ab01\t1\t\tWe slept.\nab02\t0\t*\tWe slept the.\n")
    put(tmp_path, "scitail", "Ice is cold.\tIce is not warm.\tentails\nIce is cold.\tFire is hot.\tneutral\n")
    assert read(tmp_path, "cola") == [(0, "We slept.", None, 1), (1, "We slept the.", None, 0)]
    assert [row[3] for row in read(tmp_path, "scitail")] == [0, 1]


def test_sst2_keeps_the_blank_at_the_end_of_its_phrases(tmp_path: Path) -> None:
    put(tmp_path, "sst2", "sentence\tlabel\na fine film \t1\nno plot at all \t0\n")
    assert read(tmp_path, "sst2") == [(0, "a fine film ", None, 1), (1, "no plot at all ", None, 0)]


def test_wnli_has_its_labels_as_digits(tmp_path: Path) -> None:
    put(tmp_path, "wnli", f"{header('wnli')}0\tThe cup fell. It broke.\tThe cup broke.\t1\n1\ta\tb\t0\n")
    assert read(tmp_path, "wnli") == [(0, "The cup fell. It broke.", "The cup broke.", 1), (1, "a", "b", 0)]


def test_stsb_has_scores_as_numbers(tmp_path: Path) -> None:
    rows = [f"{row}\tnews\tx\t2012\t0\tnone\tnone\tA{row}\tB{row}\t{score}\n" for row, score in enumerate(SCORES)]
    put(tmp_path, "stsb", header("stsb") + "".join(rows))
    assert read(tmp_path, "stsb", labels="float64") == [
        (0, "A0", "B0", 5.0),
        (1, "A1", "B1", 3.867),
        (2, "A2", "B2", 0.0),
    ]


@pytest.mark.parametrize("score", ["5.001", "-0.2", "nan", "inf", "score", ""])
def test_a_score_that_is_none_or_out_of_range_is_a_fault(tmp_path: Path, score: str) -> None:
    put(tmp_path, "stsb", f"{header('stsb')}0\tnews\tx\t2012\t0\tnone\tnone\tA\tB\t{score}\n")
    with pytest.raises(UserError, match=f"line 2: label '{score}' in column 10, expected a number from 0 to 5"):
        read(tmp_path, "stsb")


def test_stsb_without_its_header_is_told_by_the_score_in_the_first_line(tmp_path: Path) -> None:
    put(tmp_path, "stsb", "0\tnews\tx\t2012\t0\tnone\tnone\tA\tB\t4.5\n")
    with pytest.raises(UserError, match="line 1: this is an example, expected the header line index, genre"):
        read(tmp_path, "stsb")


def test_mnli_has_more_columns_in_dev_and_its_two_dev_sets_share_the_training_file(tmp_path: Path) -> None:
    parses = "g\t(a)\t(b)\t(S a)\t(S b)"
    put(tmp_path, "mnli", f"{header('mnli')}0\t1\t1n\t{parses}\tIt rains.\tIt is wet.\tneutral\tneutral\n")
    for dataset, text, gold in (("mnli", "matched", "contradiction"), ("mnli-mismatched", "other", "entailment")):
        votes = "\t".join(["neutral"] * 5)
        put(tmp_path, dataset, f"{header('mnli', 'dev')}0\t1\t1n\t{parses}\t{text}\tb\t{votes}\t{gold}\n", "dev")
    assert sorted(path.name for path in (tmp_path / "MNLI").iterdir()) == [
        "dev_matched.tsv", "dev_mismatched.tsv", "train.tsv",
    ]  # fmt: skip
    assert read(tmp_path, "mnli") == read(tmp_path, "mnli-mismatched") == [(0, "It rains.", "It is wet.", 1)]
    assert read(tmp_path, "mnli", "dev") == [(0, "matched", "b", 2)]
    assert read(tmp_path, "mnli-mismatched", "dev") == [(0, "other", "b", 0)]


def test_qqp_loses_lines_that_end_early_and_questions_that_are_not_there_and_counts_them(tmp_path: Path) -> None:
    rows = [
        "7\t1\t2\tHow?\tHow so?\t1",
        '8\t3\t4\tWhat is "it',  # a question with a line end inside: both halves are short
        '"\tWas it?\t0',
        "9\t5\t6\tHow do I start?\t\t0",
        "10\t7\t8\tn/a\tWhat name is good?\t0",
        '11\t9\t10\t"What is ""it""?"\tWhy?\t0',
    ]
    put(tmp_path, "qqp", header("qqp") + "".join(f"{row}\n" for row in rows))
    assert read(tmp_path, "qqp") == [(0, "How?", "How so?", 1), (5, '"What is ""it""?"', "Why?", 0)]
    file = read_file(DATASETS["qqp"], tmp_path, "train")
    assert (file.count, file.left_out) == (2, {"without both of their texts": 4})


def test_a_line_of_qqp_with_too_many_columns_is_a_fault_as_anywhere(tmp_path: Path) -> None:
    put(tmp_path, "qqp", header("qqp") + "7\t1\t2\tHow?\tHow so?\t1\t\n")
    with pytest.raises(UserError, match="line 2: 7 tab-separated columns, expected 6"):
        read(tmp_path, "qqp")


def test_boolq_is_the_question_and_its_passage(tmp_path: Path) -> None:
    put(
        tmp_path, "boolq",
        objects(
            {"question": "is ice cold", "passage": "Ice -- Ice is cold.", "idx": 0, "label": True},
            {"question": "is fire cold", "passage": 'Fire is "hot".', "idx": 1, "label": False},
        ),
    )  # fmt: skip
    assert read(tmp_path, "boolq") == [
        (0, "is ice cold", "Ice -- Ice is cold.", 1),
        (1, "is fire cold", 'Fire is "hot".', 0),
    ]


def test_cb_has_contradiction_before_neutral(tmp_path: Path) -> None:
    labels = ("entailment", "contradiction", "neutral")
    rows = [{"premise": "A: I think so.", "hypothesis": "so", "label": label, "idx": 0} for label in labels]
    put(tmp_path, "cb", objects(*rows), "dev")
    assert (tmp_path / "CB" / "val.jsonl").is_file()
    assert [row[3] for row in read(tmp_path, "cb", "dev")] == [0, 1, 2]


def test_wic_has_its_word_before_the_first_sentence(tmp_path: Path) -> None:
    row = {"word": "run", "sentence1": "A run of luck.", "sentence2": "I run home.", "start1": 2, "version": 1.1}
    put(tmp_path, "wic", objects({**row, "label": False}, {**row, "label": True}))
    assert read(tmp_path, "wic") == [
        (0, "run: A run of luck.", "I run home.", 0),
        (1, "run: A run of luck.", "I run home.", 1),
    ]


def test_snli_loses_pairs_without_a_gold_label_and_counts_them(tmp_path: Path) -> None:
    pair = {"sentence1": "It rains.", "sentence2": "It is wet.", "annotator_labels": ["neutral"], "pairID": "1"}
    labels = ("neutral", "-", "contradiction", "entailment", "-")
    put(tmp_path, "snli", objects(*({**pair, "gold_label": label} for label in labels)))
    assert (tmp_path / "snli_1.0" / "snli_1.0_train.jsonl").is_file()
    assert [(row[0], row[3]) for row in read(tmp_path, "snli")] == [(0, 1), (2, 2), (3, 0)]
    file = read_file(DATASETS["snli"], tmp_path, "train")
    assert (file.count, file.left_out) == (3, {"without a gold label": 2})


def test_quotation_marks_are_characters_like_any_other(tmp_path: Path) -> None:
    put(tmp_path, "rte", f'{RTE_HEADER}0\t"He left\tHe said "go".\tentailment\n1\tA"\t""B""\tnot_entailment\n')
    assert [row[1:3] for row in read(tmp_path, "rte")] == [('"He left', 'He said "go".'), ('A"', '""B""')]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text(tmp_path: Path) -> None:
    put(tmp_path, "scitail", b"\xef\xbb\xbfIce.\tWater.\tentails\r\nFire.\tWater.\tneutral\r\n")
    assert read(tmp_path, "scitail") == [(0, "Ice.", "Water.", 0), (1, "Fire.", "Water.", 1)]


def test_unicode_line_separators_inside_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    put(tmp_path, "cola", "x\t1\t\tone\u2028two\x85three\x0bfour\nx\t0\t\tfive\n")
    assert [row[1] for row in read(tmp_path, "cola")] == ["one\u2028two\x85three\x0bfour", "five"]


@pytest.mark.parametrize(
    ("dataset", "content", "said"),
    [
        ("rte", f"{RTE_HEADER}0\ta\tb\tentailment\n1\ta\tentailment\n", "line 3: 3 tab-separated columns, expected 4"),
        ("rte", f"{RTE_HEADER}0\ta\tb\tentailment\n\n1\ta\tb\tentailment\n", "line 3: 1 tab-separated columns"),
        ("rte", f"{RTE_HEADER}0\ta\tb\tmaybe\n", "line 2: label 'maybe' in column 4, expected entailment or not_"),
        ("rte", "0\ta\tb\tentailment\n", "line 1: this is an example, expected the header line index, "),
        ("cola", "x\t1\t\ta\nx\t2\t\tb\n", "line 2: label '2' in column 2, expected 0 or 1"),
        ("cola", "source\tlabel\tmark\tsentence\n", "line 1: label 'label'"),
        ("cola", "x\t1\t\t  \n", "line 1: a text is empty"),
        ("mrpc", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n", "there are no examples in this file"),
        ("scitail", "", "the file is empty"),
        ("scitail", "\n\n", "the file is empty"),
        (
            "cb",
            '{"premise": "a", "hypothesis": "b", "label": "neutral"}\n\n',
            "line 2: this is not JSON, expected a JSON",
        ),
        (
            "cb",
            '["a"]\n',
            "line 1: this is no JSON object, expected a JSON object with premise, hypothesis, label (CB)",
        ),
        ("cb", '{"premise": "a"}\n', "line 1: there is no hypothesis and no label, expected a JSON object with"),
        ("cb", '{"premise": "a", "hypothesis": " ", "label": "neutral"}\n', "line 1: a text is empty"),
        ("cb", '{"premise": "a", "hypothesis": "b", "label": 2}\n', "line 1: label '2', expected entailment or contra"),
        ("boolq", '{"question": "a", "passage": "b", "label": null}\n', "label 'null', expected false or true"),
        ("wic", '{"word": "", "sentence1": "a", "sentence2": "b", "label": true}\n', "line 1: a text is empty"),
        ("snli", '{"sentence1": "a", "sentence2": "b", "gold_label": "-"}\n', "there are no examples in this file"),
        ("cola", b"x\t1\t\tfine\nx\t1\t\tcaf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_line(
    tmp_path: Path, dataset: str, content: str | bytes, said: str
) -> None:
    path = put(tmp_path, dataset, content)
    with pytest.raises(UserError) as caught:
        read(tmp_path, dataset)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)


def test_a_missing_folder_data_set_or_file_is_named_with_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent, which is not a folder: expected <folder>/RTE/train.tsv and dev.tsv"):
        read(tmp_path / "absent", "rte")
    with pytest.raises(UserError, match="there is no folder RTE"):
        read(tmp_path, "rte")
    put(tmp_path, "rte", RTE_HEADER, "dev")
    with pytest.raises(UserError, match=r"RTE/train\.tsv: there is no such file"):
        read(tmp_path, "rte")
    with pytest.raises(UserError, match=r"there is no folder CB: expected <folder>/CB/train.jsonl and val.jsonl"):
        read(tmp_path, "cb")


@pytest.mark.skipif(not os.environ.get("STABBENCH_GLUE_DIR"), reason="STABBENCH_GLUE_DIR is not set")
@pytest.mark.parametrize(
    ("dataset", "split", "count", "share"),
    [
        ("rte", "train", 2490, 1249 / 2490),
        ("rte", "dev", 277, 0.527),
        ("mrpc", "train", 3668, 2474 / 3668),
        ("mrpc", "dev", 408, 0.684),
        ("cola", "train", 8551, 6023 / 8551),
        ("cola", "dev", 1043, 0.691),
        ("qnli", "dev", 5463, 0.505),
        ("scitail", "train", 23596, None),
        ("scitail", "dev", 1304, None),
    ],
)
def test_the_official_files_have_the_published_counts_and_majority_shares(
    dataset: str, split: str, count: int, share: float | None
) -> None:
    folder = Path(os.environ["STABBENCH_GLUE_DIR"])
    found = DATASETS[dataset]
    if not (folder / found.folder / f"{split}.tsv").is_file():
        pytest.skip(f"{found.folder}/{split}.tsv is not in STABBENCH_GLUE_DIR")
    frame = read_split(found, folder, "train" if split == "train" else "dev")
    assert len(frame) == count
    assert frame["example"].tolist() == list(range(count))
    assert frame["text_b"].isna().all() != found.pair
    if share is not None:
        assert frame["label"].value_counts(normalize=True).max() == pytest.approx(share, abs=5e-4)
