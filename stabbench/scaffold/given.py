"""The files that somebody's task is made of: whether they can be, how they are encoded, and where they lie."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stabbench.dialect import Dialect
from stabbench.errors import UserError


@dataclass(frozen=True, eq=False)
class Given:
    """The files of `train`, and of `dev` where there is one, from the folder `root`, and the encoding asked for.

    UserError where one is a folder, both are the same, or the encoding is none.
    """

    paths: Mapping[str, Path]
    root: Path = Path()
    asked: str | None = None

    def __post_init__(self) -> None:
        for path in self.paths.values():
            if (self.root / path).is_dir():
                raise UserError(f"{path} is a folder, expected a file: CSV, TSV, JSON lines or Parquet")
        if len({(self.root / path).resolve() for path in self.paths.values()}) < len(self.paths):
            raise UserError(
                f"found {self.paths['train']} for both --from and --dev, expected a file each; without --dev a part of "
                "the one is made dev"
            )
        try:
            Dialect(encoding=self.asked)
        except ValueError as error:
            raise UserError(f"--encoding: found {error}") from error

    @cached_property
    def encoding(self) -> str | None:
        """The one of all text files, None for UTF-8; UserError where they need several, of which a task has none."""
        found = {path: encoding_of(self.root / path) for path in self.paths.values()}
        needed = set(found.values()) - {None}
        if "utf-16" not in needed:
            needed.discard("ascii")  # which is the same in all the others
        # Which of the one-byte encodings two files are in only their owner knows: either can be read in any.
        if len(needed) > 1 and (self.asked is None or needed & {"ascii", "utf-8", "utf-16"}):
            which = " and ".join(f"{path} is {_called(encoding)}" for path, encoding in found.items())
            either = "" if needed & {"ascii", "utf-8", "utf-16"} else ", or say with --encoding what both are"
            raise UserError(f"{which}, and a task has one encoding for both: save both as UTF-8{either}")
        if self.asked is not None:
            return self.asked
        return next(iter(needed - {"ascii", "utf-8"}), None)

    @property
    def outside(self) -> str | None:
        """What is to be known of files outside of the folder, as a sentence; None where there are none."""
        here = self.root.resolve()
        far = [str(path) for path in self.paths.values() if not (self.root / path).resolve().is_relative_to(here)]
        if not far:
            return None
        many = len(far) > 1
        return (
            f"{' and '.join(far)} {'lie' if many else 'lies'} outside of this folder, and DVC's copies for experiments "
            f"(`dvc exp run --temp`, `--queue`) do not have {'them' if many else 'it'}: put {'them' if many else 'it'} "
            f"into the folder, `git add` {'them' if many else 'it'}, and name {'them' if many else 'it'} as "
            f"{'they lie' if many else 'it lies'} there"
        )


def _called(encoding: str | None) -> str:
    return {"ascii": "ASCII", "utf-8": "UTF-8", "utf-16": "UTF-16"}.get(str(encoding), f"not UTF-8 (maybe {encoding})")


def encoding_of(path: Path) -> str | None:
    """What a text file is taken for: UTF-16 by its mark, ASCII, UTF-8, else Windows' (in which nearly any byte is one).

    None where there is no such file, or it is Parquet or an archive, which say it themselves.
    """
    if not path.is_file():
        return None
    content = path.read_bytes()
    with suppress(OSError, EOFError, zlib.error):  # of a broken one whoever reads the table tells
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if content.startswith((b"\x1f\x8b", b"PAR1", b"PK\x03\x04")):
        return None
    for encoding in ("ascii", "utf-8", "cp1252"):
        with suppress(UnicodeDecodeError):
            content.decode(encoding)
            return encoding
    return "latin-1"
