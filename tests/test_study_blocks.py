"""docs/studies.md shows all that blocks of studies and probes may hold, with the defaults that they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stabbench.plugins import Registry
from stabbench.probes.registry import PROBES
from stabbench.studies.registry import STUDIES

PAGE = Path(__file__).parent.parent / "docs/studies.md"
SHOWN: dict[str, dict[str, Any]] = YAML(typ="safe").load(
    PAGE.read_text(encoding="utf-8").split("```")[1].removeprefix("yaml")
)
REGISTRIES: dict[str, Registry[Any]] = {"studies": STUDIES, "probes": PROBES}


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_installed_one_is_shown(kind: str) -> None:
    assert set(SHOWN[kind]) == set(REGISTRIES[kind].names())


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in SHOWN for name in SHOWN[kind]])
def test_a_block_shows_every_key_and_its_default(kind: str, name: str) -> None:
    options, block = REGISTRIES[kind].load(name).Options, SHOWN[kind][name]
    assert set(block) == set(options.model_fields)
    chosen = {key for key, field in options.model_fields.items() if field.is_required() or key == "seeds"}
    with_defaults = options.model_validate({key: block[key] for key in chosen & set(block)})
    assert options.model_validate(block).model_dump(mode="json") == with_defaults.model_dump(mode="json")
