"""What only the people behind some results can say of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stabbench.errors import UserError


@dataclass(frozen=True)
class Said:
    """Authors, licence and title; UserError for a name or a licence that no archive would take."""

    authors: Sequence[str]
    """`Family, Given` of a person; a name without a comma is that of a group."""
    licence: str = "CC-BY-4.0"
    """Its SPDX identifier."""
    title: str | None = None
    """None: what was fine-tuned on what."""

    def __post_init__(self) -> None:
        if not self.authors:
            raise UserError("found no author, expected --author 'Family, Given', once for each: archives ask for them")
        for name in self.authors:
            parts = [part.strip() for part in name.split(",")]
            if len(parts) > 2 or not all(parts) or not name.isprintable():
                raise UserError(
                    f"found the author '{name}', expected 'Family, Given', or a group's name without a comma"
                )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]*", self.licence):
            raise UserError(f"found the licence '{self.licence}', expected an SPDX identifier such as CC-BY-4.0")
        if self.title is not None and not (self.title.strip() and self.title.isprintable()):
            raise UserError(f"found the title {self.title!r}, expected printable words")
