"""Figures that pass whole from process to process."""

from __future__ import annotations

import copyreg
import weakref
from collections.abc import Iterator
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any

from matplotlib.transforms import TransformNode


def keep_links() -> None:
    """Have the transforms of a figure know, in the process that it is passed to, which others depend on them.

    matplotlib keeps these links by the nodes' ids, and brings the ids of the process that a figure comes from. There
    a new node can have the same id, takes the place of a link, and what depends on it is not drawn anew: labels stand
    where the last canvas had them. In forked processes, whose memory is laid out alike, that happens once in ten times.
    """
    for kind in _kinds(TransformNode):
        ForkingPickler.register(kind, _reduced)


def _kinds(kind: type[TransformNode]) -> Iterator[type[TransformNode]]:
    yield kind
    for derived in kind.__subclasses__():
        yield from _kinds(derived)


def _reduced(node: Any) -> tuple[Any, ...]:
    return copyreg.__newobj__, (type(node),), node.__getstate__(), None, None, _restore  # type: ignore[attr-defined]


def _restore(node: Any, state: dict[str, Any]) -> None:
    node.__dict__ = state
    links: dict[int, Any] = {}
    for parent in state["_parents"].values():
        if parent is not None:
            key = id(parent)
            links[key] = weakref.ref(parent, partial(_forget, links, key))
    node._parents = links


def _forget(links: dict[int, Any], key: int, gone: object) -> None:
    links.pop(key, None)
