"""What strategies that perturb the inputs share: ragged rows by example."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.models.batch import Batch


def norms_by_example(batch: Batch, rows: Tensor) -> Tensor:
    """The L2 norm of each example's rows of `(S, T, E)`: `(S, B)`.

    A sum runs over an example's own rows in their order, so that no other example and no run beside it matters.
    """
    lengths = batch.example_lengths
    starts = lengths.cumsum(dim=1) - lengths
    within = torch.arange(int(batch.lengths.max()), device=rows.device)
    index = (starts.unsqueeze(2) + within).clamp(max=rows.shape[1] - 1)
    squares = rows.square().sum(dim=2).gather(1, index.flatten(1)).view(index.shape)
    return squares.masked_fill(within >= lengths.unsqueeze(2), 0).sum(dim=2).sqrt()


def by_row(batch: Batch, values: Tensor) -> Tensor:
    """Each example's value of `(S, B)` at each of its rows: `(S, T, 1)`, 0 in a run's tail."""
    runs, rows = batch.ids.shape
    ends = batch.example_lengths.cumsum(dim=1)
    places = torch.arange(rows, device=values.device).expand(runs, rows).contiguous()
    owners = torch.searchsorted(ends, places, right=True)
    return F.pad(values, (0, 1)).gather(1, owners).unsqueeze(2)
