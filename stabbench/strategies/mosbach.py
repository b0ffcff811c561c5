"""The simple but hard-to-beat baseline of Mosbach et al. (2021)."""

from __future__ import annotations

from stabbench.strategies.contract import Strategy


class Mosbach(Strategy):
    """20 epochs with bias correction (paper, section 6)."""

    description = "20 epochs, bias correction"
    reference = "Mosbach et al. (2021)"
    recipe = {"epochs": 20.0, "bias_correction": True}
