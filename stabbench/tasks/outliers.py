"""Labels of a regression that are so far from the others that they are most likely slips."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FAR = 1_000.0
"""Distance from the median, in interquartile ranges, above which a label is told. Of a lognormal with sigma 2, which
has a heavy tail, one in a hundred thousand is as far."""
SHOWN = 10
"""How many are told with their place."""


def outliers(labels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which labels are more than `FAR` interquartile ranges from the median, shape `(n,)` both.

    Median and quartiles do not move with a few wild labels, as mean and standard deviation do. Where half of the labels
    are one number, so that the range is 0, the median of the other labels' distances from it is taken.
    """
    low, middle, high = np.quantile(labels, [0.25, 0.5, 0.75])
    distances, spread = np.abs(labels - middle), high - low
    if spread == 0 and distances.any():
        spread = np.median(distances[distances > 0])
    return np.asarray(distances > FAR * spread)


def about_outliers(frames: Mapping[str, pd.DataFrame], places: Mapping[str, Callable[[int], str]]) -> list[str]:
    """A sentence for each split that has outliers among the labels of all splits together.

    Args:
        frames: the tables of train and dev.
        places: what messages call an example of a split by its number; by default `example 3`.
    """
    labels = np.concatenate([frame["label"].to_numpy() for frame in frames.values()])
    far = outliers(labels)
    if not far.any():
        return []
    others, found, begin = labels[~far], [], 0
    for split, frame in frames.items():
        rows = far[begin : begin + len(frame)].nonzero()[0]
        begin += len(frame)
        if not len(rows):
            continue
        place = places.get(split, "example {}".format)
        named = [f"{frame['label'].iloc[row]:g} ({place(int(frame['example'].iloc[row]))})" for row in rows[:SHOWN]] + (
            [f"{len(rows) - SHOWN:,} more"] if len(rows) > SHOWN else []
        )
        found.append(
            f"{len(rows):,} {split} label{'s are' if len(rows) > 1 else ' is'} more than {FAR:,.0f} interquartile "
            f"ranges from the median: {', '.join(named)}; the others are from {others.min():g} to {others.max():g}. "
            "Squared errors and correlations are then of these labels alone: mend them, or leave them out with drop"
        )
    return found
