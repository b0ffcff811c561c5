"""What params.yaml decides for each stage of the pipeline, complete: what it leaves open has its default here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stabbench.config.schema import EMBEDDED_MODEL, Config, PretrainingBlock

REPORTED = ("preset", "report", "studies", "probes")
"""Sections that the report reads; the plan reads all but these, and the studies."""

TRACKED = ("preset", "studies", "probes")
"""Sections that are logged beside the records."""


def parts(config: Config) -> dict[str, Any]:
    """JSON values by the file of `validated/` that a stage depends on.

    A key that params.yaml leaves out and one that is written with its default give the same files, and a change of
    one section touches no file of a stage that does not read it.
    """
    return dict(_parts(config))


def _parts(config: Config) -> Iterator[tuple[str, Any]]:
    whole = config.model_dump(mode="json")
    yield "grid.json", whole["grid"]
    yield "report.json", {name: whole[name] for name in REPORTED}
    yield "track.json", {name: whole[name] for name in TRACKED}
    for name, task in whole["tasks"].items():
        yield f"tasks/{name}.json", task
    for name, probe in whole["probes"].items():
        yield f"probes/{name}.json", probe
    for name, model in config.models.items():
        if model.source == EMBEDDED_MODEL:
            yield f"pretraining/{name}.json", (model.pretraining or PretrainingBlock()).model_dump(mode="json")
        whole["models"][name].pop("pretraining")
    yield "plan.json", {name: part for name, part in whole.items() if name == "studies" or name not in REPORTED}
