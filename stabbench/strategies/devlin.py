"""The default of Devlin et al. (2019), without bias correction, and the same with it."""

from __future__ import annotations

from stabbench.strategies.contract import Strategy


class Devlin(Strategy):
    """3 epochs, AdamW without bias correction (paper, section 3.2)."""

    description = "3 epochs, no bias correction"
    reference = "Devlin et al. (2019)"
    recipe = {"epochs": 3.0, "bias_correction": False}


class DevlinBiasCorrected(Strategy):
    """Devlin with bias correction: tells the effect of the correction from that of the length (paper, figure 5)."""

    description = "3 epochs, bias correction"
    reference = "Mosbach et al. (2021), figure 5"
    recipe = {"epochs": 3.0, "bias_correction": True}
