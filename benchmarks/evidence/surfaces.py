"""The paper's claims about the plane through the pretrained model, a failed run and a successful one (7 and 13).

What each verdict takes is written in the claim's docstring, so that nothing is decided after a number was seen.
"""

from __future__ import annotations

import math

from benchmarks.evidence.data import EvidenceCell
from benchmarks.evidence.rules import HOLDS, NOT, PART, UNKNOWN, Found
from stabbench.analysis.surfaces import barrier, norms_around
from stabbench.report.over_tasks import ratio

RISE = 0.1
"""Of what the losses of the two runs differ by: how far the loss has to rise in between for a barrier."""


def barrier_between(cell: EvidenceCell) -> Found:
    """Holds where on the straight line between the two runs the loss rises above its higher end by a tenth of the way.

    The way is what the two ends differ by; in part where it rises less; not, where it rises by less than 0.01.
    """
    measured = cell.probe("line.csv")
    found = None if measured is None else barrier(measured[0])
    if measured is None or found is None:
        return UNKNOWN, "not measured"
    if found.flat:
        return NOT, f"the loss never rises above its higher end, {ratio(found.loss)}"
    losses, higher = measured[0].sort_values("t")["loss"], found.loss - found.height
    way = abs(losses.iloc[0] - losses.iloc[-1])
    shown = f"the loss rises to {ratio(found.loss)} at {found.t:.2f} of the line; its higher end has {ratio(higher)}"
    return (HOLDS if found.height >= RISE * way else PART), shown


def valley_around_failed(cell: EvidenceCell) -> Found:
    """Holds where the failed run's loss is the higher and the gradients around it are smaller than around the other."""
    plane, corners = cell.probe("surface.csv"), cell.probe("points.csv")
    if plane is None or corners is None:
        return UNKNOWN, "not measured"
    points = corners[0].set_index("point").loc[["failed", "successful"]]
    around = norms_around(plane[0], points)
    norms = [norm for _, norm in around.values()]
    if any(map(math.isnan, norms)):
        return UNKNOWN, "no gradient norms around the two runs"
    losses = points["loss"].astype(float).tolist()
    shown = " and ".join(
        f"loss {ratio(loss)}, gradient norm around it {ratio(norm)} ({kind})"
        for loss, (kind, (_, norm)) in zip(losses, around.items(), strict=True)
    )
    return (HOLDS if losses[0] > losses[1] and norms[0] < norms[1] else NOT), shown
