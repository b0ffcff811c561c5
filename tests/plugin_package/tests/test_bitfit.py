from __future__ import annotations

from stabbench.testing import StrategyContract


class TestBitFit(StrategyContract):
    strategy = "biases-only"


class TestBitFitWithLayerNorms(StrategyContract):
    strategy = "biases-only"
    options = {"layer_norms": True}
