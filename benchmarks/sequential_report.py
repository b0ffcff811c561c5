"""calibration-sequential.md, from the numbers of calibration-sequential.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables import table


def markdown(found: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = [_head(found), _verdict(found)]
    for question in ("spread", "level"):
        for null in (True, False):
            rows = [row for row in found["two_arms"] if row["question"] == question and row["null"] is null]
            title = "false-positive rates" if null else "power"
            parts.append(f"## Two arms, {question}: {title}\n\n{_two_arms(rows)}")
    return (
        "\n\n".join(
            [
                *parts,
                _rivals(found["rivals"]),
                _families(found["families"]),
                _failures(found["failures"]),
                _pilots(found["pilots"]),
            ]
        )
        + "\n"
    )


def _head(found: Mapping[str, Any]) -> str:
    cases = "\n".join(f"- {case['name']}: {case['words']}" for case in found["cases"])
    return (
        "# Calibration of looking while seeds are trained\n\n"
        f"{found['repetitions']:,} simulated comparisons of two arms a case and design, {found['permutations']:,} "
        "permutations. Made by `python -m benchmarks.calibration_sequential`; all numbers with 99 % bounds "
        "(Clopper-Pearson) in [calibration-sequential.json](calibration-sequential.json). Rates in per cent; **bold**: "
        "the lower bound of a false-positive rate is above α. The tests: [docs/seeds.md](../../docs/seeds.md). Spread "
        "is not simulated of shifted cases: it is that of residuals.\n\n"
        f"Cases, as in [calibration.md](calibration.md):\n\n{cases}"
    )


def _verdict(found: Mapping[str, Any]) -> str:
    lines = []
    for question in ("spread", "level"):
        for guarded in (True, False):
            above = [row for row in found["above_level"] if row["question"] == question and row["guarded"] is guarded]
            places = dict.fromkeys(f"{row['case']}, {_design(row)}, α = {row['alpha']:g}" for row in above)
            test = "the test that is offered" if guarded else "permutations alone, not offered"
            lines.append([f"{question}, {test}", "; ".join(places) or "nowhere"])
    return (
        "## Which tests keep their level\n\nThe test of spread that is offered also asks for Levene's asymptotic "
        "p-value (median-centred) at the share of α that may be spent by a look; that of the level asks for nothing "
        "more.\n\n" + table(["test", "above its level"], lines)
    )


def _design(row: Mapping[str, Any]) -> str:
    return f"{row['stages']} × {row['stage']}"


def _two_arms(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["case", "stages × seeds", "α", "all looks", "given up at p > .5", "given up at p > .3"]
    head += ["permutations alone", "one look at the end", "mean seeds an arm: all looks", "given up at .5", "at .3"]
    lines = []
    for key in dict.fromkeys((row["case"], _design(row), row["alpha"]) for row in rows):
        same = [row for row in rows if (row["case"], _design(row), row["alpha"]) == key]
        by = {(row["guarded"], row["accept"]): row for row in same}
        kinds = [(True, None), (True, 0.5), (True, 0.3)]
        lines.append(
            [
                key[0],
                key[1],
                f"{key[2]:g}",
                *(_rate(by[kind]) for kind in [*kinds, (False, None)]),
                f"{100 * by[True, None]['one_look']:.1f}",
                *(f"{by[kind]['seeds']:.1f}" for kind in kinds),
            ]
        )
    return table(head, lines)


def _rate(row: Mapping[str, Any]) -> str:
    text = f"{100 * row['apart']['rate']:.1f}"
    return f"**{text}**" if row["null"] and row["apart"]["low"] > row["alpha"] else text


def _rivals(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["tried", "asked", "case", "stages × seeds", "α", "told apart, %"]
    lines = [
        [row["rival"], row["question"], row["case"], _design(row), f"{row['alpha']:g}", _rate({**row, "null": True})]
        for row in rows
    ]
    return f"## Two arms: what was tried and left, false-positive rates\n\n{table(head, lines)}"


def _families(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        [
            row["family"],
            " and ".join(row["questions"]),
            _bounds(row["wrong"]),
            "" if row["power"] is None else f"{100 * row['power']:.1f}",
            f"{row['seeds']:.1f}",
        ]
        for row in rows
    ]
    head = [
        "arms",
        "asked",
        "any pair wrongly apart, %",
        "pairs of different spread told apart, %",
        "mean seeds an arm",
    ]
    return (
        f"## Four arms, all pairs\n\n{rows[0]['repetitions']:,} repetitions of 5 stages of 5 seeds, α = .05 over all "
        f"pairs, questions and looks, given up at p > .5.\n\n{table(head, lines)}"
    )


def _bounds(share: Mapping[str, float]) -> str:
    return f"{100 * share['rate']:.1f} ({100 * share['low']:.1f}–{100 * share['high']:.1f})"


def _failures(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["failure rates", "seeds", "e ≥ 20 at some seed, %", "mean seeds", "Fisher at the end, %"]
    head += ["Fisher after each seed, %"]
    lines = [
        [
            " / ".join(f"{rate:g}" for rate in row["rates"]),
            str(row["seeds"]),
            _bounds(row["apart"]),
            f"{row['mean_seeds']:.1f}",
            f"{100 * row['fisher_at_the_end']:.1f}",
            f"{100 * row['fisher_at_each_seed']:.1f}",
        ]
        for row in rows
    ]
    return (
        "## Failures: the e-value, looked at after every seed\n\nα = .05; with equal rates these are false-positive "
        "rates. Fisher's test after each seed is what peeking does to a test that is made for one look.\n\n"
        + table(head, lines)
    )


def _pilots(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["case", "n", "limit", "confidence, %", "above the truth, %", "median of limit over truth", "estimable, %"]
    lines = [
        [
            row["case"],
            str(row["n"]),
            row["limit"] + ("" if row["offered"] else " (left)"),
            f"{100 * row['confidence']:g}",
            _bounds(row["coverage"]),
            f"{row['median']:.2f}",
            f"{100 * row['estimable']:.1f}",
        ]
        for row in rows
    ]
    return f"## Upper limits of a pilot's standard deviation\n\n{table(head, lines)}"
