"""GLUE's files: read as they are, refused with file and line where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stabbench.datasets import DATASETS
from stabbench.errors import UserError
from stabbench.tasks.sources.glue import read_split

RTE_HEADER = "index\tsentence1\tsentence2\tlabel\n"


def put(folder: Path, dataset: str, content: str | bytes, split: str = "train") -> Path:
    path = folder / DATASETS[dataset].folder / f"{split}.tsv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, dataset: str) -> list[tuple[object, ...]]:
    frame = read_split(DATASETS[dataset], folder, "train")
    assert [str(kind) for kind in frame.dtypes] == ["int64", "object", "object", "int64"]
    return list(frame.itertuples(index=False, name=None))


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
