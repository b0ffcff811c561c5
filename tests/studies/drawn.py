"""What a figure shows, read back from its artists."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure


def points(figure: Figure) -> int:
    """How many runs are drawn as points or crosses inside the limits of their axes."""
    count = 0
    for axes in figure.axes:
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        for item in axes.collections:
            if isinstance(item, PathCollection):
                across, up = np.asarray(item.get_offsets()).reshape(-1, 2).T
                count += int(((left < across) & (across < right) & (low < up) & (up < high)).sum())
    return count
