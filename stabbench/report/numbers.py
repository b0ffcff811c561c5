"""How numbers are written in tables and sentences."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, SupportsIndex

from stabbench.metrics.contract import MetricKind

if TYPE_CHECKING:
    from pandas.api.typing import NAType

NOT_AVAILABLE = "n/a"
_WRITTEN_OUT = 9
"""The power of ten from which on numbers have an exponent."""
ROUNDING = 1e-9
"""Of a score: a smaller std is that of equal scores."""


def percent(fraction: float) -> str:
    """A fraction × 100 with one decimal, as the paper's tables have it; `n/a` for NaN."""
    if math.isnan(fraction):
        return NOT_AVAILABLE
    text = f"{100 * fraction:.1f}"
    return "0.0" if text == "-0.0" else text


def score_text(score: float, kind: MetricKind, decimals: int = 0) -> str:
    """A score or std of a metric: `percent` of a fraction, `n/a` for NaN.

    Of a loss four significant digits, and more where these are fewer than `decimals` after the point (before it, where
    that is below 0). A huge one has an exponent.
    """
    if kind.fraction or math.isnan(score):
        return percent(score)
    if not score or not math.isfinite(score):
        return f"{score:.4g}"
    power = _power(score)
    if power >= _WRITTEN_OUT:
        return f"{score:.{max(4, min(power + 1 + decimals, sys.float_info.dig))}g}"
    return f"{score:.4g}" if max(0, decimals) <= 3 - power else f"{score:.{max(0, decimals)}f}"


def decimals_of(stds: Iterable[float], largest: float) -> int:
    """How many digits after the point show the smallest of some standard deviations with two significant ones.

    Below 0 where it is above 100, 0 where none is above 0. Those that are nothing but rounding errors of scores up to
    `largest` do not count.
    """
    found = [std for std in stds if std > ROUNDING * abs(largest)]
    return 1 - _power(min(found)) if found else 0


def _power(value: float) -> int:
    """The power of ten of a number's first digit."""
    return math.floor(math.log10(abs(value)))


def known(count: int | NAType | None) -> str:
    """A count, or `n/a` where it is not known."""
    return str(count) if isinstance(count, SupportsIndex) else NOT_AVAILABLE


def of_runs(failed: int | NAType | None, n: int) -> str:
    """`3/25`, or `n/a` where it is not known."""
    return f"{failed}/{n}" if isinstance(failed, SupportsIndex) else NOT_AVAILABLE


def share(fraction: float) -> str:
    """A share as whole per cent, or with more digits where it is small: `16 %`, `0.16 %`."""
    if math.isnan(fraction):
        return NOT_AVAILABLE
    value = 100 * fraction
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.2g} %"


def interval(low: float, high: float) -> str:
    """An interval of shares in whole per cent: `80 to 99 %`."""
    return NOT_AVAILABLE if math.isnan(low) else f"{100 * low:.0f} to {100 * high:.0f} %"


def p_value(p: float) -> str:
    """`p` with two digits, `< 0.0001` under that, `n/a` for NaN."""
    if math.isnan(p):
        return NOT_AVAILABLE
    if p < 1e-4:
        return "< 0.0001"
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def p_equation(p: float) -> str:
    """`p = 0.012` or `p < 0.0001`, held together by no-break spaces."""
    text = p_value(p)
    return (f"p {text}" if text.startswith("<") else f"p = {text}").replace(" ", "\u00a0")


def plain(value: float) -> str:
    """A number without an exponent where it has none to speak of: `3`, `0.1`, `2e-5`, `1e-6`."""
    if value == 0 or 1e-2 <= abs(value) < 1e6:
        return f"{value:.10g}"
    return exponent(value)


def exponent(value: float) -> str:
    """A number in powers of ten: `2e-5`, `1.5e-4`, `1e-3`."""
    mantissa, power = f"{value:.10e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"


def magnitude(value: float) -> str:
    """A count of tokens or operations in three digits: `20.1 k`, `1.23 G`."""
    if math.isnan(value):
        return NOT_AVAILABLE
    for factor, unit in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g}"


def significant(value: float, digits: int = 6) -> float | None:
    """`value` to `digits` significant digits, so that files do not hang on the last bits; None for NaN."""
    return None if math.isnan(value) else float(f"{value:.{digits}g}")


def duration(seconds: float) -> str:
    """A time of which two units say enough: `40 s`, `12 min`, `3 h 20 min`, `2 d 5 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    return f"{hours // 24:,} d {hours % 24} h"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def some(texts: Sequence[str], most: int) -> str:
    """`a, b and c`, or `a, b, c and 9 more`: what a sentence names of a list that may be long."""
    return listed(texts) if len(texts) <= most else f"{', '.join(texts[:most])} and {len(texts) - most:,} more"


def extremes(counts: Iterable[int]) -> str:
    """`25`, or `5 to 25` where they differ."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def about(count: int) -> str:
    """A number that was estimated, with two significant digits: `270`, `4,600`, `1.2e+60`."""
    rounded = f"{count:.2g}"
    return f"{float(rounded):,.0f}" if count < 10**_WRITTEN_OUT else rounded


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def epochs_text(epochs: float) -> str:
    """`1 epoch`, `3 epochs`."""
    return f"{plain(epochs)} epoch{'' if epochs == 1 else 's'}"
