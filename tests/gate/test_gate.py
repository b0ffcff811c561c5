"""What `stabbench check` lets pass and what it does not, over scores whose spread and failures are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stabbench.analysis.pairwise import holm, pairwise
from stabbench.errors import UserError
from stabbench.project.checking import Choice, check, results_source
from stabbench.report.gate import LISTED, Verdict
from stabbench.report.gate_limits import Limits
from stabbench.report.gate_words import NAMED

FAILED = 0.0
ALL = Choice()
Scores = Mapping[str, Sequence[float]]
"""By strategy, of seeds 1…n."""


def scores(std: float, n: int = 25, failed: int = 0, seed: int = 0) -> list[float]:
    """Scores around 0.6 whose standard deviation is about this; the first ones failed."""
    found = 0.6 + std * np.random.default_rng(seed).standard_normal(n)
    found[:failed] = FAILED
    return [float(score) for score in found]


def table(cells: Scores, task: str = "rte", model: str = "m", metric: str = "mcc") -> pd.DataFrame:
    rows = [
        (model, task, strategy, seed, metric, score)
        for strategy, values in cells.items()
        for seed, score in enumerate(values, 1)
    ]
    return pd.DataFrame(rows, columns=["model", "task", "strategy", "seed", "metric", "score"])


def frame(cells: Scores | pd.DataFrame) -> pd.DataFrame:
    return cells if isinstance(cells, pd.DataFrame) else table(cells)


def verdict(
    cells: Scores | pd.DataFrame,
    against: Scores | pd.DataFrame | None = None,
    *,
    name: str | None = None,
    choice: Choice = ALL,
    **limits: float | bool,
) -> Verdict:
    asked = Limits(not_less_stable_than=name, against=against is not None, **limits)  # type: ignore[arg-type]
    other = None if against is None else results_source(frame(against), "main.csv")
    return check(results_source(frame(cells), "results.csv"), asked, choice, other)


def test_more_failed_runs_than_the_share_fail_it_and_as_many_pass() -> None:
    found = verdict({"devlin": scores(0.02, failed=7), "mosbach": scores(0.02, failed=2)}, max_failed=0.1)
    assert [reason.sentence for reason in found.reasons] == [
        "devlin on rte: 7 of 25 runs failed (28 %, 95 % interval 14 to 48 %), at most 10 % are allowed"
    ]
    assert not found.passed
    for failed, n, share in ((3, 30, 0.1), (7, 25, 0.28), (1, 3, 1 / 3), (0, 10, 0)):
        assert verdict({"devlin": scores(0.02, n, failed)}, max_failed=share).passed


def test_a_larger_standard_deviation_fails_it_and_one_by_failing_is_no_small_one() -> None:
    found = verdict({"devlin": scores(0.06), "mosbach": scores(0.02)}, max_std=0.03)
    (reason,) = found.reasons
    assert reason.sentence.startswith("devlin on rte: the standard deviation is ")
    assert reason.sentence.endswith(" (MCC × 100), at most 3 is allowed")
    found = verdict({"devlin": [*scores(0.01, 3), *[-0.001 * seed for seed in range(22)]]}, max_std=0.5)
    (reason,) = found.reasons
    assert "but 22 of 25 runs failed: stable in failure" in reason.sentence


def test_a_std_that_rounds_to_its_limit_is_shown_in_the_digits_that_tell_them_apart() -> None:
    found = verdict({"devlin": [0.5, 0.5 + 2**0.5 * 0.03001]}, max_std=0.03)
    assert "the standard deviation is 3.001 (MCC × 100), at most 3 is allowed" in str(found)


def test_scores_under_every_seed_the_same_are_not_called_stable() -> None:
    found = verdict({"devlin": [0.8] * 12}, max_std=0.03)
    assert found.passed
    assert "not tested: the seed seems to change nothing, so the spread is no measure: devlin on rte (" in str(found)
    assert not verdict({"devlin": [0.8] * 12}, max_std=0.03, strict=True).passed


def test_a_significantly_larger_spread_fails_it_and_a_smaller_one_does_not() -> None:
    cells = {"shaky": scores(0.1), "alike": scores(0.022, seed=1), "mosbach": scores(0.02, seed=2)}
    found = verdict(cells, name="mosbach")
    assert [(reason.about, reason.places[0].strategy) for reason in found.reasons] == [("spread", "shaky")]
    assert "8.7 (MCC × 100) is significantly larger than 1.7 of mosbach (Levene's test, p = 0.0004 after" in str(found)
    assert verdict(cells, name="mosbach", choice=Choice(strategies=["alike"])).passed
    assert verdict(cells, name="shaky").passed


def test_significantly_more_failed_runs_fail_it_where_no_spread_does() -> None:
    found = verdict({"devlin": [*[-0.01 * x for x in range(24)], 0.8], "mosbach": scores(0.2)}, name="mosbach")
    assert [reason.about for reason in found.reasons] == ["failures"]
    assert "24 of 25 runs failed, significantly more than 0 of 25 of mosbach (Fisher's exact test" in str(found)


def test_p_values_are_the_reports_own_adjusted_over_what_is_tested() -> None:
    cells = {"a": scores(0.05, failed=4), "b": scores(0.03, seed=1), "mosbach": scores(0.02, failed=1, seed=2)}
    source = results_source(table(cells), "results.csv")
    pairs = pairwise(pd.concat([cell.runs for cell in source.cells.values()]))
    pairs = pairs[pairs["strategy_b"] == "mosbach"]
    expected = holm(pd.Series([*pairs["p_spread"], *pairs["p_fisher"]]))
    limit = float(expected.min())
    assert verdict(cells, name="mosbach", alpha=limit).passed
    assert len(verdict(cells, name="mosbach", alpha=limit * 1.001).reasons) == (expected == limit).sum()


def test_under_ten_seeds_nothing_is_proven_and_strict_does_not_let_it_pass() -> None:
    cells = {"shaky": scores(0.1, n=9), "mosbach": scores(0.01, n=9, seed=1)}
    found = verdict(cells, name="mosbach")
    assert found.passed
    assert "not tested: fewer than 10 finished runs prove nothing: shaky on rte (9 against 9)" in str(found)
    strict = verdict(cells, name="mosbach", strict=True)
    assert not strict.passed
    assert "not everything could be tested, which --strict asks for" in strict.head
    failing = {"shaky": scores(0.1, n=9, failed=9), "mosbach": cells["mosbach"]}
    assert [reason.about for reason in verdict(failing, name="mosbach").reasons] == ["failures"]


def test_a_reference_that_mostly_fails_or_never_varies_is_no_measure_of_spread() -> None:
    failing = {"devlin": scores(0.1), "zhang": [*[-0.001 * x for x in range(20)], *scores(0.01, 5)]}
    assert "more than half of the runs of zhang failed, so its spread is no measure: devlin on rte (20 of 25)" in str(
        verdict(failing, name="zhang")
    )
    constant = {"devlin": scores(0.1), "zhang": [0.8] * 25}
    found = verdict(constant, name="zhang")
    assert "the seed seems to change nothing in zhang" in str(found)
    assert found.passed


def test_against_a_file_every_cell_is_held_against_its_own() -> None:
    main = {"devlin": scores(0.02), "mosbach": scores(0.02, seed=1)}
    found = verdict({"devlin": scores(0.1, seed=3), "mosbach": scores(0.02, seed=4)}, main)
    assert [reason.places[0].strategy for reason in found.reasons] == ["devlin"]
    assert " of main.csv (Levene's test" in found.reasons[0].sentence
    found = verdict({"devlin": scores(0.1, seed=3), "new": scores(0.02, seed=4)}, main)
    assert "not tested: not in main.csv: new on rte" in str(found)
    assert "not tested: in main.csv alone: mosbach on rte" in str(found)


def test_with_a_name_every_cell_is_held_against_that_strategy_of_the_file() -> None:
    main = {"devlin": scores(0.1), "mosbach": scores(0.02, seed=1)}
    found = verdict({"devlin": scores(0.1, seed=3), "mosbach": scores(0.1, seed=4)}, main, name="mosbach")
    assert [reason.places[0].strategy for reason in found.reasons] == ["devlin", "mosbach"]
    assert "of mosbach in main.csv" in found.reasons[1].sentence


def test_the_very_runs_of_the_file_are_not_tested_and_count_in_no_adjustment() -> None:
    rows = {f"s{number}": scores(0.02, seed=number) for number in range(30)}
    changed = {**rows, "s0": scores(0.05, seed=50)}
    found = verdict(changed, rows)
    assert [reason.places[0].strategy for reason in found.reasons] == ["s0"]
    assert "2 tests at α = 0.05, 29 cells with the very runs compared with" in found.head
    assert verdict(rows, table(rows).sample(frac=1, random_state=0)).passed


def test_more_tests_than_any_spread_can_be_significant_among_are_not_passed_off_as_tested() -> None:
    rows = {f"s{number}": scores(0.02, seed=number) for number in range(4)}
    wide = {**rows, "s1": scores(0.1, seed=1)}
    assert not verdict(wide, name="s0").passed
    few = 6 / 10_000
    found = verdict(wide, name="s0", alpha=few)
    assert found.passed
    assert "not tested: 6 tests are too many for any spread to be significant at 0.0006: check some" in str(found)
    assert "too many" not in str(verdict(wide, name="s0", alpha=1.01 * few))


def test_missing_runs_fail_it_unless_it_may_be_incomplete() -> None:
    runs = table({"devlin": scores(0.02, 12)}).assign(status="ok")
    runs.loc[3:5, "status"], runs.loc[3:5, "score"] = "missing", np.nan
    assert "devlin on rte: 3 of 12 planned runs are missing (seeds 4-6)" in str(verdict(runs, max_failed=0.1))
    assert verdict(runs, max_failed=0.1, incomplete=True).passed
    found = verdict(runs.assign(status="missing", score=np.nan), max_failed=0.1, incomplete=True, max_std=0.1)
    assert "not tested: no run has finished: devlin on rte" in str(found)


def test_where_nobody_says_which_runs_failed_spread_alone_is_compared() -> None:
    cells = table({"devlin": scores(0.02), "mosbach": scores(0.02, seed=1)}, metric="accuracy")
    found = verdict(cells, name="mosbach")
    assert found.passed
    assert "nobody says which runs failed, so their number is not compared: devlin on rte" in str(found)
    with pytest.raises(UserError, match=r"nobody says which runs failed on rte: .* --majority rte=VALUE"):
        verdict(cells, max_failed=0.1)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "nothing to check: give --max-failed SHARE, --max-std X, --not-less-stable-than NAME or --against FILE"),
        ({"max_failed": 10}, "--max-failed is 10, expected a share between 0 and 1: 0.1 for 10 %"),
        ({"max_std": -1}, "--max-std is -1"),
        ({"max_std": 3}, "fractions: for 3 of the tables, which are × 100, say 0.03"),
        ({"max_std": float("nan")}, "--max-std is nan"),
        ({"max_failed": 0.1, "alpha": 5}, "--alpha is 5"),
        ({"name": "mosbch"}, "unknown strategy in results.csv: 'mosbch': did you mean 'mosbach'?"),
        ({"max_failed": 0.1, "choice": Choice(tasks=["rtee"])}, "unknown task in results.csv: 'rtee': did you mean"),
        ({"name": "mosbach", "choice": Choice(strategies=["mosbach"])}, "mosbach is the only strategy that was chosen"),
        ({"against": table({"devlin": [0.5, 0.6]}, task="cola")}, "main.csv has no runs of m/rte/devlin, nor of any"),
        ({"against": table({"devlin": [0.5, 0.6]}), "name": "main"}, "Without --not-less-stable-than each cell is"),
        ({"against": table({"devlin": [0.5, 0.6]}, metric="f1")}, "rte is scored by mcc in results.csv and by f1 in"),
    ],
)
def test_what_cannot_be_asked_is_a_mistake(limits: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        verdict({"devlin": scores(0.02), "mosbach": scores(0.02, seed=1)}, **limits)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_a_choice_without_a_cell_is_a_mistake() -> None:
    both = pd.concat([table({"devlin": scores(0.02)}), table({"mosbach": scores(0.02)}, task="cola")])
    with pytest.raises(UserError, match=r"no cell in results\.csv has task cola, strategy devlin"):
        verdict(both, max_failed=0.1, choice=Choice(tasks=["cola"], strategies=["devlin"]))
    with pytest.raises(UserError, match="has no runs of m/rte/mosbach, nor of any other checked cell"):
        verdict(both, name="mosbach", choice=Choice(strategies=["devlin"]))


def test_losses_are_held_to_a_limit_in_their_own_unit() -> None:
    cells = table({"devlin": [3 + 2 * x for x in scores(1.0)]}, metric="loss").assign(failed=False)
    found = verdict(cells, max_std=1.5)
    assert found.reasons[0].sentence.endswith("(loss), at most 1.5 is allowed")


def test_sentences_name_the_model_where_there_are_several_and_few_of_many_cells() -> None:
    many = {f"s{number}": scores(0.02, n=5, seed=number) for number in range(12)}
    both = pd.concat([table(many), table(many).assign(model="other")])
    (untested,) = verdict(both, name="s0").untested
    assert "s1 on rte (m) (5 against 5)" in untested.sentence
    assert untested.sentence.endswith(f"and {22 - NAMED} more")
    assert len(untested.places) == 22


def test_markdown_lists_the_first_reasons_with_names_made_harmless() -> None:
    names = [f"<b>{number}|*" for number in range(LISTED + 5)]
    found = verdict({name: scores(0.02, n=10, failed=9) for name in names}, max_failed=0.1)
    lines = found.to_markdown().splitlines()
    assert lines[0].startswith(f"**stabbench check** failed: {LISTED + 5} reasons; 25 cells")
    assert lines[2].startswith("- \\<b\\>0\\|\\* on rte: 9 of 10 runs failed")
    assert lines[-1] == "- and 5 reasons more"
    assert (
        found.to_markdown() == verdict(table(dict.fromkeys(names, scores(0.02, 10, 9))), max_failed=0.1).to_markdown()
    )


def test_the_verdict_of_a_file_hangs_on_no_order_of_its_rows(tmp_path: Path) -> None:
    cells = table({"a": scores(0.06, failed=5), "b": scores(0.03, seed=1), "mosbach": scores(0.02, seed=2)})
    shuffled = cells.groupby("strategy", sort=False).sample(frac=1, random_state=1)
    assert str(verdict(cells, name="mosbach", max_failed=0.1)) == str(verdict(shuffled, name="mosbach", max_failed=0.1))
