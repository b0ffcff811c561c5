from __future__ import annotations

from collections.abc import Callable

import pytest

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.studies import STUDIES, Study, studies_of, study_named

ConfigOf = Callable[..., Config]
CROSSED = "crossed: {model: embedded, task: acceptability}"


def test_the_built_in_studies_come_through_the_entry_points() -> None:
    assert {"ablation", "bias-correction", "crossed", "small-data"} <= set(STUDIES.names())


def test_a_block_has_its_own_name_or_names_its_study(config_of: ConfigOf) -> None:
    config = config_of(CROSSED, "crossed-twice: {study: crossed, model: embedded, task: paraphrase, levels: 3}")
    found = studies_of(config)
    assert [entry.name for entry in found] == ["crossed", "crossed-twice"]
    assert all(isinstance(entry.plugin, Study) for entry in found)
    assert type(found[0].plugin) is type(found[1].plugin)
    assert (found[0].options.levels, found[1].options.levels) == (5, 3)
    assert study_named(config, "crossed-twice").options == found[1].options


def test_no_block_is_no_study(config_of: ConfigOf) -> None:
    assert studies_of(config_of()) == []


def test_an_unknown_block_and_an_unknown_kind_name_the_nearest(config_of: ConfigOf) -> None:
    with pytest.raises(UserError, match="unknown study 'crosed': did you mean 'crossed'"):
        study_named(config_of(CROSSED), "crosed")
    with pytest.raises(UserError, match=r"studies\.mine: unknown study 'ablatoin': did you mean 'ablation'"):
        study_named(config_of("mine: {study: ablatoin}"), "mine")


def test_all_mistakes_in_all_blocks_come_together_with_their_places(config_of: ConfigOf) -> None:
    config = config_of(
        "crossed: {model: embedded, task: acceptability, levls: 3}",
        "ablation: {model: embedded, task: acceptability, learning_rates: [1.0e-4, 1.0e-4], epochs: 3}",
        "small-data: {model: embedded, pairs: [{full: acceptability, smple: acceptability-40}]}",
        "bias-correction: {models: {embedded: [-1.0]}, task: acceptability, seeds: 3-1}",
    )
    with pytest.raises(UserError) as raised:
        studies_of(config)
    message = str(raised.value)
    for part in (
        "studies.crossed.levls: unknown key: did you mean 'levels'?",
        "studies.ablation.learning_rates: found 0.0001 twice, expected each value once",
        "studies.ablation.epochs: found 3, expected a list with at least one value",
        "studies.small-data.pairs.0.smple: unknown key: did you mean 'sample'?",
        "studies.small-data.pairs.0.sample: is missing: add it",
        "studies.bias-correction.models.embedded.0: found -1.0, expected a positive number",
        "studies.bias-correction.seeds: found '3-1', a range that falls",
    ):
        assert part in message, message
