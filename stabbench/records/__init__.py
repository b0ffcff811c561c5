"""The records of runs: what one is, the store that keeps them and the selection that a plan makes of it."""

from __future__ import annotations

from stabbench.records.content import RecordContent
from stabbench.records.record import SCHEMA_VERSION, TABLES, Record, UnreadableRecordError, read_head
from stabbench.records.selection import SelectedCell, Selection, adopt_selection, lacking, seed_folder, select
from stabbench.records.store import KeptWeights, Store, check_weights, make_folder

__all__ = [
    "SCHEMA_VERSION",
    "TABLES",
    "KeptWeights",
    "Record",
    "RecordContent",
    "SelectedCell",
    "Selection",
    "Store",
    "UnreadableRecordError",
    "adopt_selection",
    "check_weights",
    "lacking",
    "make_folder",
    "read_head",
    "seed_folder",
    "select",
]
