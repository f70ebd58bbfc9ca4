"""What a pivot says in words: who is ahead at one load, and over all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.limits import DEFAULT_DELTA
from pytest_llmbench.metrics.registry import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.baselines.crossover import Crossing, Level
    from pytest_llmbench.baselines.pairing import Pair
    from pytest_llmbench.baselines.pivot import Pivot, Series
    from pytest_llmbench.records import MetricComparison

__all__ = ["ahead", "alone_texts", "answer", "basis_texts", "ratio_text"]

_ALIKE = math.log1p(DEFAULT_DELTA)
_WHOLE_FROM = 10


def ratio_text(ratio: float) -> str:
    """Write B / A: `1.36`, `0.74`, `12.3`, `0.065`."""
    places = 1 if ratio >= _WHOLE_FROM else 2 if ratio >= 1 / _WHOLE_FROM else 3
    return f"{ratio:.{places}f}"


def ahead(one: MetricComparison, a: str, b: str) -> tuple[str, bool]:
    """Say which of two columns is better, and whether that is sure.

    `alike` where the whole interval is within 3 %, and `not sure` where it holds both sides. Without an
    interval the name has a question mark.
    """
    if one.change is None:
        return "", False
    name = _better(one.metric, one.change, a, b)
    if one.low is None or one.high is None:
        return f"{name}?" if one.change else "alike?", False
    if max(abs(math.log1p(one.low)), abs(math.log1p(one.high))) < _ALIKE:
        return "alike", True
    return (name, True) if one.low > 0 or one.high < 0 else ("not sure", False)


def _better(metric: str, effect: float, a: str, b: str) -> str:
    lower = METRICS[metric.partition(".")[0]].direction == "lower"
    return b if (effect > 0) != lower else a


def answer(series: Series) -> str:
    """Say who is ahead over the loads of a workload, and where the lines cross."""
    levels = series.levels
    if all(_alike(level) for level in levels):
        return f"alike {_loads(levels)}, within {DEFAULT_DELTA * 100:.0f} %"
    sure = [level for level in levels if level.sign]
    if series.crossings and (not sure or any(one.sure for one in series.crossings)):
        return "; ".join(_crossing(one, series) for one in series.crossings)
    name = _better(series.metric, math.fsum(level.effect for level in sure or levels), series.a, series.b)
    if len(sure) == len(levels):
        return f"{name} {_loads(levels)}, {_by(levels)}"
    if sure:
        where = ", ".join(str(level.concurrency) for level in sure)
        told = f"{name} at {where} {_noun(sure[-1].concurrency)}, {_by(sure)}; not sure at the other loads"
        spans = " or ".join(f"{one.below} and {one.above}" for one in series.crossings)
        return f"{told}: they may change places between {spans}" if spans else told
    if all(level.low is None for level in levels):
        return f"{name} {_loads(levels)}, {_by(levels)}; measured once, so not sure"
    return f"no difference that is sure {_loads(levels)}"


def _crossing(one: Crossing, series: Series) -> str:
    before = _better(series.metric, 1 if one.falling else -1, series.a, series.b)
    after = series.a if before == series.b else series.b
    if not one.sure:
        return f"{before}, then {after}: they change places between {one.below} and {one.above}, not sure"
    if one.at is None or one.low is None or one.high is None:
        up_to = f"{before} up to {one.below} {_noun(one.below)}"
        return f"{up_to}, {after} from {one.above} on; not sure between them"
    span = f"{_streams(one.low)} to {_streams(one.high)}"
    return f"{before} up to {_streams(one.at)} streams ({span}), {after} above"


def _streams(number: float) -> str:
    return f"{number:.1f}" if number < _WHOLE_FROM else f"{number:.0f}"


def _noun(streams: int) -> str:
    return "stream" if streams == 1 else "streams"


def _loads(levels: Sequence[Level]) -> str:
    streams = sorted(level.concurrency for level in levels)
    if len(streams) == 1:
        return f"at {streams[0]} {_noun(streams[0])}"
    return f"at every load ({streams[0]} to {streams[-1]})"


def _by(levels: Sequence[Level]) -> str:
    """Say how many times as good, the least and the most."""
    factors = sorted(math.exp(abs(level.effect)) for level in levels)
    low, high = ratio_text(factors[0]), ratio_text(factors[-1])
    return f"{low} times" if low == high else f"{low} to {high} times"


def _alike(level: Level) -> bool:
    return level.low is not None and level.high is not None and max(-level.low, level.high) < _ALIKE


def basis_texts(pairs: Sequence[Pair]) -> list[str]:
    """Say what the intervals are made of, and what would give some where there are none."""
    found: dict[str, None] = {}
    for pair in pairs:
        if pair.rule == "pairs":
            noun = "replicates" if pair.starts else "sessions that measured both"
            found[f"paired t of {pair.count} {noun}"] = None
        elif pair.rule == "sessions":
            found[f"t of sessions, {pair.count} or more of each"] = None
        elif not pair.problem:
            found["no interval where a name has a question mark: --bench-replicates=5 gives one"] = None
    return list(found)


def alone_texts(pivot: Pivot) -> list[str]:
    """Name the cells that some columns lack: `only vllm: medium c016, c032`."""
    found: dict[tuple[str, ...], list[str]] = {}
    for place, having in pivot.alone().items():
        found.setdefault(having, []).append(f"{place.workload} {place.load}")
    return [f"only {', '.join(having)}: {', '.join(dict.fromkeys(names))}" for having, names in found.items()]
