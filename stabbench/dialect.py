"""How a table in a text file is written; apart from what reads it, so that params.yaml is checked without pandas."""

from __future__ import annotations

from dataclasses import dataclass

QUOTINGS = ("standard", "none")


@dataclass(frozen=True)
class Dialect:
    """How a text file is read where what is inside does not tell; None for what is found there.

    `quoting` is `standard` (a field may stand in double quotes, inside which a doubled one is one) or `none` (a
    quotation mark is a character like any other).
    """

    delimiter: str | None = None
    encoding: str | None = None
    quoting: str | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None and (len(self.delimiter) != 1 or not self.delimiter.isascii()):
            raise ValueError(f"delimiter {self.delimiter!r}, expected one ASCII character such as ';' or '\\t'")
        if self.delimiter is not None and self.delimiter in '"\r\n\0':
            raise ValueError(
                f"delimiter {self.delimiter!r}, expected one that is neither a quotation mark nor a line's end"
            )
        if self.quoting not in (None, *QUOTINGS):
            raise ValueError(f"quoting {self.quoting!r}, expected {' or '.join(QUOTINGS)}")
        if self.encoding is not None:
            try:
                "".encode(self.encoding)  # one of text: codecs knows some from bytes to bytes, such as hex
            except (LookupError, UnicodeError):
                raise ValueError(f"encoding {self.encoding!r}, expected one such as utf-8 or latin-1") from None
