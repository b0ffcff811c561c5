"""Measurements on trained weights: one package a probe, named in params.yaml under `probes`."""

from __future__ import annotations

from stabbench.probes.contract import Measurement, Probe, ProbeContext
from stabbench.probes.registry import PROBES, probe_named, probe_section, probes_of

__all__ = ["PROBES", "Measurement", "Probe", "ProbeContext", "probe_named", "probe_section", "probes_of"]
