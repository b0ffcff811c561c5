"""CITATION.cff and .zenodo.json: by whom the results are, under which licence, and on what they rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stabbench.publishing.said import Said
from stabbench.version import __version__

PAPER: Mapping[str, Any] = {
    "title": "On the Stability of Fine-tuning BERT: Misconceptions, Explanations, and Strong Baselines",
    "url": "https://openreview.net/forum?id=nzpLWnVAyah",
    "year": 2021,
    "authors": [("Mosbach", "Marius"), ("Andriushchenko", "Maksym"), ("Klakow", "Dietrich")],
}
"""Whose protocol the runs follow."""
KEYWORDS = ("fine-tuning", "stability", "random seeds", "reproducibility")


def citation_cff(said: Said, title: str, abstract: str) -> str:
    """CITATION.cff, version 1.2.0. JSON is YAML, and keeps every name what it is."""
    paper_authors = [{"family-names": family, "given-names": given} for family, given in PAPER["authors"]]
    entries: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use these results, please cite them and the paper whose protocol they follow.",
        "type": "dataset",
        "title": title,
        "abstract": abstract,
        "license": said.licence,
        "keywords": list(KEYWORDS),
        "authors": [_author(name) for name in said.authors],
        "references": [
            {
                "type": "conference-paper",
                "title": PAPER["title"],
                "authors": paper_authors,
                "year": PAPER["year"],
                "url": PAPER["url"],
                "collection-title": "International Conference on Learning Representations (ICLR)",
            },
            {
                "type": "software",
                "title": "stabbench",
                "version": __version__,
                "authors": [{"name": "The stabbench developers"}],
            },
        ],
    }
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in entries.items())


def zenodo_json(said: Said, title: str, description: str) -> dict[str, Any]:
    """.zenodo.json: the metadata of a deposition; the date is Zenodo's to say."""
    return {
        "upload_type": "dataset",
        "title": title,
        "description": description,
        "creators": [{"name": name} for name in said.authors],
        "access_right": "open",
        "license": said.licence.lower(),
        "keywords": list(KEYWORDS),
        "related_identifiers": [
            {"identifier": PAPER["url"], "relation": "cites", "resource_type": "publication-conferencepaper"}
        ],
    }


def _author(name: str) -> dict[str, str]:
    family, comma, given = (part.strip() for part in name.partition(","))
    return {"family-names": family, "given-names": given} if comma else {"name": family}
