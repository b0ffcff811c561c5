"""Built-in strategies from params.yaml to kept weights: what the plan warns of, and what a run leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from stabbench.cli import main
from stabbench.plan import Cell
from stabbench.records import Record, Store
from stabbench.tasks.prepared import PreparedTask


def stabbench(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def compare(project: Path, *strategies: str) -> None:
    """Make these strategies the grid of params.yaml, two seeds, with kept weights."""
    params = (
        (project / "params.yaml").read_text().replace("strategies: [devlin]", f"strategies: [{', '.join(strategies)}]")
    )
    params = params.replace("seeds: 1-4", "seeds: 1-2\nkeep_weights: [1, 2]")
    lines = [f"  {name}: {{plugin: {name}, recipe: {{epochs: 3.0}}}}\n" for name in strategies]
    (project / "params.yaml").write_text(params + "".join(lines))


def record(strategy: str, seed: int) -> Record:
    cell = Cell.read(Path("plan/embedded/acceptability") / f"{strategy}.json")
    found = Store(Path(".stabbench/runs")).find(cell.fingerprint(seed))
    assert found is not None
    return found


def test_the_plan_warns_of_a_recipe_that_does_not_suit_a_strategy(project: Path) -> None:
    compare(project, "recadam", "lp-ft", "ema")
    result = stabbench("plan")
    assert "warning: embedded/acceptability/recadam: recadam: learning rate · gamma is 5, above 2" in result.stderr
    assert result.stderr.count("warning") == 1
    assert "warning" not in result.stdout


@pytest.mark.parametrize("strategy", ["ema", "lora", "noisytune"])
def test_kept_weights_load_in_hugging_face_and_give_the_recorded_logits(project: Path, strategy: str) -> None:
    compare(project, strategy)
    stabbench("train")
    for seed in (1, 2):
        found = record(strategy, seed)
        assert found.weights is not None
        model, info = AutoModelForSequenceClassification.from_pretrained(found.weights, output_loading_info=True)
        assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
        tokenizer = AutoTokenizer.from_pretrained(found.weights)
        texts = list(PreparedTask.read(Path("data/acceptability")).dev["text_a"][:3])
        for text, logits in zip(texts, found.predictions()["logits"], strict=False):
            outputs: Any = model.eval()(**tokenizer(text, return_tensors="pt"))
            assert outputs.logits[0].tolist() == pytest.approx(list(logits), abs=1e-5)
