"""Grids beyond the main one: one module a study, named in params.yaml under `studies`."""

from __future__ import annotations

from stabbench.studies.contract import Study
from stabbench.studies.registry import STUDIES, studies_of, study_named

__all__ = ["STUDIES", "Study", "studies_of", "study_named"]
