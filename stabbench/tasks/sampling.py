"""Seeded random samples of a table of examples."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stabbench.errors import UserError


def sample_examples(frame: pd.DataFrame, size: int, seed: int, what: str = "train") -> pd.DataFrame:
    """`size` examples drawn without replacement, in their old order and with their old ids.

    The shares of the labels are left free, as in the paper (section 6: 1,000 random examples). With the
    same seed a smaller sample is part of a larger one. `what` names the split in the UserError that
    a size below 1 or above the number of examples gives.
    """
    if size < 1:
        raise UserError(f"{what} size {size}, expected a number of examples from 1 to {len(frame)}")
    if size > len(frame):
        raise UserError(
            f"{what} size {size} is more than the {len(frame)} examples there are; ask for fewer or for all"
        )
    stream = {"train": 0, "dev": 1}[what]
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream])))
    chosen = np.sort(generator.permutation(len(frame))[:size])
    return frame.iloc[chosen].reset_index(drop=True)
