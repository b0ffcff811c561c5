"""Plain text files for masked-LM pretraining and perplexity."""

from __future__ import annotations

import re
from pathlib import Path

from stabbench.errors import UserError

_HEADING = re.compile(r"=(?: =)* .* =(?: =)*")


def read_text_file(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, without blank ones and WikiText's headings (` = Title = `).

    Blanks at both ends of a line are dropped. UserError where the file is missing, is not UTF-8
    (with the line) or holds no text.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such text file")
    lines = text_lines(read_utf8(path))
    if not lines:
        raise UserError(f"{path}: there is no text in this file")
    return lines


def read_utf8(path: Path) -> str:
    """The text of a UTF-8 file with or without a byte order mark; UserError naming the line of what is none."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from error


def text_lines(text: str) -> list[str]:
    """The lines of a text as `read_text_file` gives them."""
    return [stripped for line in text.split("\n") if (stripped := line.strip()) and not _HEADING.fullmatch(stripped)]
