"""What `--bench-compare-fail` says: which metrics are gated, and which change of each matters."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.statements import read_statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmbench.metrics.registry import Metric

__all__ = ["DEFAULT_DELTA", "DEFAULT_LIMITS", "STATS", "Limit", "parse_delta", "parse_limits", "with_delta"]

STATS = ("mean", "p50", "p90", "p95", "p99")
"""Statistics of a distribution that can be limited. Extremes of a sample are luck, so not min and max."""

_FORM = "expected METRIC.STATISTIC:PERCENT%, as in ttft.p50:10% or throughput_output:5%"
_PERCENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*%")


@dataclass(frozen=True, slots=True)
class Limit:
    """Which change of one statistic matters.

    `stat` is None for a scalar metric. `allowed` is a fraction of the baseline (0.03 for 3 %); for a
    metric that is itself a ratio (`error_rate`) it is a difference: 0.01 is one percentage point,
    because ten percent of no errors is nothing. `plain` stands for it where there are too few sessions to
    know the noise; None for the same.
    """

    metric: str
    stat: str | None
    allowed: float
    plain: float | None = None

    @property
    def key(self) -> str:
        """The name of the value it limits: `ttft.p50`, `throughput_output`."""
        return f"{self.metric}.{self.stat}" if self.stat else self.metric

    @property
    def threshold(self) -> float:
        """The change that fails by itself, without statistics."""
        return self.allowed if self.plain is None else self.plain

    @property
    def absolute(self) -> bool:
        """Whether `allowed` is a difference and not a fraction."""
        return METRICS[self.metric].unit == "ratio"

    def __str__(self) -> str:
        """Write it as `parse_limits` reads it."""
        return f"{self.key}:{_plain(self.allowed * 100)}%"


def parse_limits(text: str) -> tuple[Limit, ...]:
    """Read `ttft.p50:10%,throughput_output:5%`.

    A `UsageError` says which part is wrong, what was expected and which name is nearest.
    """
    parts = [part.strip() for part in text.split(",")]
    limits = [_parse(part, text) for part in parts]
    keys = [limit.key for limit in limits]
    for key in keys:
        if keys.count(key) > 1:
            message = f"{key} is limited twice in {text!r}"
            raise UsageError(message)
    return tuple(limits)


def parse_delta(value: object) -> float:
    """Read a δ for all metrics, `5%` or 0.05, and return the fraction.

    A `UsageError` says what was expected.
    """
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found:
        return float(found[1]) / 100
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1:
        return float(value)
    message = f"delta: expected a percentage or a fraction, as in '5%' or 0.05, not {value!r}"
    raise UsageError(message)


def with_delta(limits: Iterable[Limit], delta: float) -> tuple[Limit, ...]:
    """Return the limits with this δ; metrics that are ratios keep theirs, which is a difference."""
    return tuple(
        limit if limit.absolute else replace(limit, allowed=delta, plain=max(delta, limit.threshold))
        for limit in limits
    )


def _parse(part: str, text: str) -> Limit:
    limited, stat, amount, where = read_statement(
        part, text, kind="limit", sign=":", form=_FORM, problem=_stat_problem
    )
    return Limit(limited.name, stat, _allowed(amount, limited, where))


def _stat_problem(limited: Metric, stat: str) -> str:
    name = limited.name
    if limited.direction == "none":
        return f"{name} is neither better nor worse when it changes, so it cannot be limited"
    if limited.kind == "scalar":
        return f"{name} is one number a run and has no statistics; write {name}:5%" if stat else ""
    if not stat:
        return f"{name} needs a statistic, as in {name}.p50:10%; {nearest('', STATS)}"
    return "" if stat in STATS else f"{name} has no statistic {stat!r}: {nearest(stat, STATS)}"


def _allowed(amount: str, limited: Metric, where: str) -> float:
    found = _PERCENT.fullmatch(amount)
    if not found:
        hint = f"; did you mean {amount}%?" if _PERCENT.fullmatch(f"{amount}%") else ""
        message = f"{where}: {amount!r} is not a percentage{hint} {_FORM}"
        raise UsageError(message)
    allowed = float(found[1]) / 100
    if not math.isfinite(allowed):
        message = f"{where}: {amount!r} is too large to mean anything"
        raise UsageError(message)
    # Nothing falls by more than all of itself: such a limit would look like a gate and never close.
    if allowed >= 1 and (limited.direction == "higher" or limited.unit == "ratio"):
        message = f"{where}: {limited.name} can never get worse by {amount}; give less than 100%"
        raise UsageError(message)
    return allowed


def _plain(percent: float) -> str:
    """Shortest decimal without an exponent that reads back as the same number."""
    return f"{percent:.12f}".rstrip("0").rstrip(".")


DEFAULT_DELTA = 0.03
_DEFAULT_PLAIN = 0.10
DEFAULT_LIMITS = (
    Limit("ttft", "p50", DEFAULT_DELTA, _DEFAULT_PLAIN),
    Limit("tpot", "p50", DEFAULT_DELTA, _DEFAULT_PLAIN),
    Limit("throughput_output", None, DEFAULT_DELTA, _DEFAULT_PLAIN),
    Limit("error_rate", None, 0.01),
)
"""What `--bench-compare` gates when nobody says.

Without `e2e`, which is made of the others: each metric more costs all of them some power.
"""
