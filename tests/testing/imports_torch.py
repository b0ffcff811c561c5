"""A family whose module imports torch before it is needed, which none may."""

from __future__ import annotations

import torch

from stabbench.models.families.bert import Bert


class ImportsTorch(Bert):
    """As this module does."""

    kernel_threads = torch.get_num_threads
