from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.plan import Variation
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.drawing import style
from stabbench.report.section import Section
from stabbench.studies import study_named
from tests.analysis.synthetic import SyntheticCell
from tests.studies import drawn

PAIR = "{full: acceptability, sample: acceptability-40}"


def block(pairs: str = PAIR, more: str = "ours: mosbach") -> str:
    return f"small-data: {{model: embedded, pairs: [{pairs}], {more}}}"


def variations(config: Config) -> list[Variation]:
    entry = study_named(config, "small-data")
    return entry.plugin.variations(entry.options, config)


def test_the_conditions_are_full_same_epochs_same_updates_and_ours(config_of: Callable[..., Config]) -> None:
    found = variations(config_of(block()))
    assert [(item.task, item.strategy, item.name, item.steps_of) for item in found] == [
        ("acceptability", "devlin", "devlin", None),
        ("acceptability-40", "devlin", "devlin", None),
        ("acceptability-40", "devlin", "devlin-as-long-as-acceptability", "acceptability"),
        ("acceptability", "mosbach", "mosbach", None),
    ]
    assert all(not item.recipe and item.seeds == (1, 2, 3, 4) for item in found)


def test_without_ours_there_are_three_conditions_a_pair(config_of: Callable[..., Config]) -> None:
    pairs = f"{PAIR}, {{full: rte, sample: rte-1k}}"
    found = variations(config_of(block(pairs, "seeds: 1-2")))
    assert [item.task for item in found] == ["acceptability", *["acceptability-40"] * 2, "rte", "rte-1k", "rte-1k"]


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("{full: acceptability, sample: paraphrase}", "paraphrase has dataset paraphrase, acceptability has acceptab"),
        ("{full: acceptability, sample: other-dev}", "other-dev has dev_size 50, acceptability has 100"),
        ("{full: acceptability, sample: other-seed}", "other-seed has sample_seed 1, acceptability has 0"),
        (
            "{full: acceptability-40, sample: acceptability}",
            "has train_size 160, acceptability-40 has 40: expected a sm",
        ),
        ("{full: rte-1k, sample: rte}", "sample_seed|train_size null"),
        ("{full: rte, sample: rte}", "found task rte twice"),
        ("{full: acceptability, sample: acceptability-4}", "unknown task 'acceptability-4': did you mean"),
    ],
)
def test_a_pair_that_is_no_data_set_with_a_smaller_sample_of_it_is_refused(
    config_of: Callable[..., Config], pair: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        variations(config_of(block(pair)))


def test_ours_is_another_strategy(config_of: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match="found 'devlin' as strategy and as ours"):
        variations(config_of(block(more="ours: devlin")))


@pytest.fixture
def section(config_of: Callable[..., Config], content: Content, selection_of: Callable[..., Selection]) -> Section:
    full = SyntheticCell([0.5, 0.51, 0.53, 0.52], model="embedded")
    sample = dataclasses.replace(
        full, task="acceptability-40", counts={"train": 40, "dev": 100}, scores=[0.0, 0.0, 0.0, 0.3]
    )
    cells = [
        full,
        sample,
        dataclasses.replace(
            sample,
            scores=[0.4, 0.41, 0.42, 0.43],
            strategy="devlin-as-long-as-acceptability",
            bias_correction=False,
            total_steps=30,
        ),
        dataclasses.replace(full, scores=[0.6, 0.61, 0.62, 0.63], strategy="mosbach", epochs=20),
    ]
    entry = study_named(config_of(block()), "small-data")
    with style():
        return entry.plugin.section("small-data", entry.options, selection_of(cells), content)


def test_the_conditions_are_told_apart_by_examples_epochs_and_updates(section: Section) -> None:
    ((_, table),) = section.tables
    assert [row[:5] for row in table.rows] == [
        ["acceptability", "devlin", "160", "3 epochs", "30"],
        ["acceptability-40", "devlin", "40", "3 epochs", "9"],
        ["acceptability-40", "devlin", "40", "10 epochs", "30"],
        ["acceptability", "mosbach", "160", "20 epochs", "200"],
    ]
    assert drawn.points(section.figures[0].figure) == 16
    labels = [text.get_text() for text in section.figures[0].figure.axes[0].get_xticklabels()]
    assert labels == ["n = 160\n3 epochs", "n = 40\n3 epochs", "n = 40\n10 epochs", "n = 160\n20 epochs\nmosbach"]


def test_failures_and_variances_of_the_conditions_are_compared(section: Section) -> None:
    text = " ".join(section.found)
    assert len(section.found) == 2
    assert "acceptability. devlin, 160 examples, 3 epochs: 0 of 4 failed, std 1.3, mean 51.5" in text
    assert "devlin, 40 examples, 3 epochs: 3 of 4 failed, std 15.0, mean 7.5" in text
    assert "devlin, 40 examples, 10 epochs: 0 of 4 failed" in text
    assert "mosbach, 160 examples, 20 epochs: 0 of 4 failed" in text
    assert "the full set and the sample with as many epochs p\u00a0=\u00a00.14 and p" in text
    assert "the sample with as many epochs and the sample with as many updates p\u00a0=\u00a00.14" in text
    assert set(section.data["runs"]["strategy"]) == {"full", "same-epochs", "same-updates", "ours"}
    assert len(section.data["pairs"]) == 6
