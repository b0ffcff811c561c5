"""What a figure shows, read back from its artists."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure


def points(figure: Figure) -> int:
    """How many runs are drawn as points or crosses."""
    scattered = [item for axes in figure.axes for item in axes.collections if isinstance(item, PathCollection)]
    return sum(len(np.asarray(item.get_offsets())) for item in scattered)
