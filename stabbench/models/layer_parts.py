"""What the matrices of a layer are called in tables, by their places in it (`attention.self.query_proj`)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PROJECTIONS = {
    "query": re.compile(r"w?_?q(uery)?(_proj|_lin)?"),
    "key": re.compile(r"w?_?k(ey)?(_proj|_lin)?"),
    "value": re.compile(r"w?_?v(alue)?(_proj|_lin)?"),
    "query, key and value": re.compile(r"w?_?qkv(_proj|_lin)?|query_key_value|in_proj"),
}


def attention_parts(places: Sequence[str]) -> dict[str, str]:
    """Projections are told by the last word of their place, attention's output as what comes last beside them."""
    named = {place: name for place in places if (name := _projection(place))}
    beside = {_module(place) for place in named}
    others = [place for place in places if place not in named and _module(place) in beside]
    return named | ({others[-1]: "attention output"} if others else {})


def feed_forward_parts(places: Sequence[str]) -> dict[str, str]:
    """The two matrices of a feed-forward layer are told by their order; of others nothing is known."""
    return dict(zip(places, ("intermediate", "output"), strict=True)) if len(places) == 2 else {}


def _module(place: str) -> str:
    """The outermost module of a layer that a place is in."""
    return place.partition(".")[0] if "." in place else ""


def _projection(place: str) -> str:
    last = place.rpartition(".")[2].lower()
    return next((name for name, pattern in _PROJECTIONS.items() if pattern.fullmatch(last)), "")
