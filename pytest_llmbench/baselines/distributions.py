"""Student's t, the trigamma function and the interval of a share, from `math` alone.

The gate must decide alike wherever the plugin is installed, and an unrelated project must not wait for
scipy; tests hold these to scipy's values.
"""

from __future__ import annotations

import math
from functools import lru_cache

__all__ = ["digamma", "t_quantile", "t_tail", "trigamma", "trigamma_inverse", "wilson"]

_NORMAL_FROM = 1e6
_SERIES_FROM = 10.0
_TINY = 1e-300
_PRECISION = 1e-15
_Z95 = 1.959963984540054


def t_tail(t: float, df: float) -> float:
    """Probability that Student's t with `df` degrees of freedom exceeds `t`; `df` may be infinite."""
    if df > _NORMAL_FROM:
        return math.erfc(t / math.sqrt(2)) / 2
    half = _incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2
    return half if t >= 0 else 1 - half


@lru_cache(maxsize=4096)
def t_quantile(tail: float, df: float) -> float:
    """The t that is exceeded with probability `tail`, which lies between 0 and 1."""
    if tail > 0.5:  # noqa: PLR2004 - the median: the other half mirrors it
        return -t_quantile(1 - tail, df)
    low, high = 0.0, 1.0
    while t_tail(high, df) > tail:
        low, high = high, high * 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, df) > tail else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularized; by its continued fraction (DLMF 8.17.22), on the side where that converges fast."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    # Lentz's method for front / a / (1 + d1 / (1 + d2 / (1 + ...))).
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _TINY)
    value = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d or _TINY)
            c = 1 + numerator / c or _TINY
            value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return front * value / a


def digamma(x: float) -> float:
    """Derivative of log gamma for x > 0 (DLMF 5.11.2, after stepping up by 5.5.2)."""
    value = 0.0
    while x < _SERIES_FROM:
        value -= 1 / x
        x += 1
    f = 1 / (x * x)
    series = f * (1 / 12 - f * (1 / 120 - f * (1 / 252 - f * (1 / 240 - f / 132))))
    return value + math.log(x) - 0.5 / x - series


def trigamma(x: float) -> float:
    """Second derivative of log gamma for x > 0 (DLMF 5.15.8, after stepping up)."""
    value = 0.0
    while x < _SERIES_FROM:
        value += 1 / (x * x)
        x += 1
    f = 1 / (x * x)
    series = f * (1 / 6 - f * (1 / 30 - f * (1 / 42 - f * (1 / 30 - f * 5 / 66))))
    return value + 1 / x + f / 2 + series / x


def trigamma_inverse(y: float) -> float:
    """The x > 0 with trigamma(x) = y > 0, by bisection: trigamma falls."""
    low, high = 1e-8, 1.0
    while trigamma(high) > y:
        low, high = high, high * 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if trigamma(middle) > y else (low, middle)
    return (low + high) / 2


def wilson(passed: int, count: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927); 0 to 1 of nothing.

    Of what was drawn from all there could be: of an eval it is no statement about another run on the same
    prompts.
    """
    if not count:
        return 0.0, 1.0
    share, squared = passed / count, _Z95 * _Z95
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    half = _Z95 * math.sqrt(share * (1 - share) / count + squared / (4 * count * count))
    half /= 1 + squared / count
    return max(0.0, middle - half), min(1.0, middle + half)
