"""Measurements on trained weights: one package a probe, named in params.yaml under `probes`."""

from __future__ import annotations

from stabbench.probes.contract import Measurement, Probe, ProbeContext
from stabbench.probes.registry import Named, probe_named, probes_of

__all__ = ["Measurement", "Named", "Probe", "ProbeContext", "probe_named", "probes_of"]
