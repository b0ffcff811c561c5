"""The encoder that the package ships: what its card says is so, and the command that made it makes the like."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from transformers import AutoModelForMaskedLM

from benchmarks.encoder import BLOCK, CARD, ROOT, SHIPPED, card, main
from stabbench.files import read_json, sha256_of_file
from stabbench.model_files import WEIGHTS
from stabbench.models.sources import content_hash, locate
from stabbench.models.tokenization import encode, special_tokens
from stabbench.tasks import embedded

MOST_BYTES = 12_000_000


def test_it_is_found_inside_the_package_and_is_small() -> None:
    assert locate("package:stabbench") == SHIPPED
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < MOST_BYTES


def test_its_card_is_that_of_its_files() -> None:
    written = (SHIPPED / CARD).read_text(encoding="utf-8")
    assert written == card(SHIPPED, BLOCK)
    hashes = re.findall(r"`([0-9a-f]{64})`", written)
    assert hashes == [content_hash(SHIPPED), sha256_of_file(SHIPPED / WEIGHTS)]


def test_it_was_made_with_the_options_of_the_command() -> None:
    options = read_json(SHIPPED / "pretraining.json")["options"]
    assert {name: options[name] for name in BLOCK if name in options} == {
        name: value for name, value in BLOCK.items() if name not in ("sentences", "pairs")
    }


def test_it_has_a_masked_lm_head_and_knows_every_word_of_the_grammar() -> None:
    model, info = AutoModelForMaskedLM.from_pretrained(SHIPPED, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert (model.config.num_hidden_layers, model.config.hidden_size) == (BLOCK["layers"], BLOCK["hidden_size"])
    unknown = special_tokens(SHIPPED).unknown
    assert unknown not in encode(SHIPPED, embedded.vocabulary()).ids


@pytest.mark.parametrize("builder", [WheelBuilder, SdistBuilder])
def test_every_file_of_it_is_in_what_is_distributed(builder: type[WheelBuilder | SdistBuilder]) -> None:
    distributed = {Path(file.path) for file in builder(str(ROOT)).recurse_included_files()}
    assert set(SHIPPED.iterdir()) <= distributed


def test_the_command_makes_one_anew_with_its_card(tmp_path: Path) -> None:
    sizes = ["--steps", "2", "--sentences", "64", "--pairs", "8"]
    result = CliRunner().invoke(main, [*sizes, "--out", str(tmp_path / "encoder")])
    assert result.exit_code == 0, result.output
    made = read_json(tmp_path / "encoder/pretraining.json")
    assert made["steps"] == 2
    assert {name: made["options"][name] for name in ("layers", "hidden_size", "seed")} == {
        name: BLOCK[name] for name in ("layers", "hidden_size", "seed")
    }
    assert f"`{content_hash(tmp_path / 'encoder')}`" in (tmp_path / "encoder" / CARD).read_text(encoding="utf-8")
    assert content_hash(tmp_path / "encoder") != content_hash(SHIPPED)
