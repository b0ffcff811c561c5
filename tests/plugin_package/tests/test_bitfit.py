from __future__ import annotations

from stabbench.testing import StrategyContract


class TestBitFit(StrategyContract):
    strategy = "bitfit"


class TestBitFitWithLayerNorms(StrategyContract):
    strategy = "bitfit"
    options = {"layer_norms": True}
