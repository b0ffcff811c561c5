"""WikiText-2's test text, from a folder or from a place laid out as on the hub."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from stabbench.errors import UserError
from stabbench.tasks.wikitext import CONFIG, wikitext_test

TEXT = " \n = Robert = \n \n Robert is an actor . \n He acts . \n = = Career = = \n In 2000 he won .\n"
PARAGRAPHS = ["Robert is an actor .", "He acts .", "In 2000 he won ."]


@pytest.mark.parametrize("name", ["wiki.test.raw", "test.txt"])
def test_a_folder_gives_paragraphs_without_headings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text(TEXT, encoding="utf-8")
    monkeypatch.setenv("STABBENCH_WIKITEXT_DIR", str(tmp_path))
    assert wikitext_test() == PARAGRAPHS


def test_a_folder_without_the_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABBENCH_WIKITEXT_DIR", str(tmp_path))
    with pytest.raises(UserError, match=r"has no wiki\.test\.raw or test\.txt"):
        wikitext_test()


def test_the_hubs_rows_give_the_same_paragraphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STABBENCH_WIKITEXT_DIR", raising=False)
    (tmp_path / "hub" / CONFIG).mkdir(parents=True)
    rows = [f"{line}\n" for line in TEXT.split("\n")]
    pd.DataFrame({"text": rows}).to_parquet(tmp_path / "hub" / CONFIG / "test-00000.parquet", index=False)
    card = f"---\nconfigs:\n- config_name: {CONFIG}\n  data_files:\n  - split: test\n    path: {CONFIG}/test-*\n---\n"
    (tmp_path / "hub" / "README.md").write_text(card)
    assert wikitext_test(repository=str(tmp_path / "hub"), cache=tmp_path / "cache") == PARAGRAPHS


def test_a_place_that_does_not_answer_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STABBENCH_WIKITEXT_DIR", raising=False)
    with pytest.raises(UserError, match="WikiText-2 did not arrive from the hub"):
        wikitext_test(repository=str(tmp_path / "nowhere"), cache=tmp_path / "cache")
