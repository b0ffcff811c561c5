"""The digest of a run's result, by which two trainings of one spec are told apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def result_digest(data: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> str:
    """SHA-256 over the final and best scores and every number of history, gradient norms and predictions."""
    digest = hashlib.sha256()
    head = {key: data[key] for key in ("status", "diverged_at", "final", "best")}
    digest.update(json.dumps(head, sort_keys=True).encode())
    for name in sorted(tables):
        for column in tables[name].columns:
            digest.update(f"{name}/{column}".encode())
            values = tables[name][column]
            if column == "logits":
                digest.update(np.stack(values.to_list()).astype("<f8").tobytes())
            elif column == "parameter":
                digest.update("\n".join(values.astype(str)).encode())
            elif values.dtype.kind == "f":
                digest.update(values.to_numpy().astype("<f8").tobytes())
            else:
                digest.update(values.to_numpy().astype("<i8").tobytes())
    return digest.hexdigest()
