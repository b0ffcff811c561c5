"""Text files: blank lines and headings left out, wrong files named."""

from __future__ import annotations

from pathlib import Path

import pytest

from stabbench.errors import UserError
from stabbench.tasks.texts import read_text_file


def test_blank_lines_and_headings_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(" \n = A title = \n\n The first @-@ line . \n = = Part = = \n = = = A = B = = = \n a = b = c\n")
    assert read_text_file(path) == ["The first @-@ line .", "a = b = c"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"fine\ncaf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        (b"", "no text in this file"),
        (b" = Only = \n", "no text"),
    ],
)
def test_a_file_without_readable_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_text_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.txt: there is no such text file"):
        read_text_file(tmp_path / "absent.txt")
