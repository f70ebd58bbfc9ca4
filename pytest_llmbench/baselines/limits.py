"""What `--bench-compare-fail` says: how much worse a metric may get."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.statements import read_statement

if TYPE_CHECKING:
    from pytest_llmbench.metrics.registry import Metric

__all__ = ["DEFAULT_LIMITS", "STATS", "Limit", "parse_limits"]

STATS = ("mean", "p50", "p90", "p95", "p99")
"""Statistics of a distribution that can be limited. Extremes of a sample are luck, so not min and max."""

_FORM = "expected METRIC.STATISTIC:PERCENT%, as in ttft.p50:10% or throughput_output:5%"
_PERCENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*%")


@dataclass(frozen=True, slots=True)
class Limit:
    """How much worse one statistic may be than the baseline.

    `stat` is None for a scalar metric. `allowed` is a fraction of the baseline (0.1 for 10 %); for a
    metric that is itself a ratio (`error_rate`) it is a difference: 0.01 is one percentage point,
    because ten percent of no errors is nothing.
    """

    metric: str
    stat: str | None
    allowed: float

    @property
    def key(self) -> str:
        """The name of the value it limits: `ttft.p50`, `throughput_output`."""
        return f"{self.metric}.{self.stat}" if self.stat else self.metric

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


DEFAULT_LIMITS = parse_limits("ttft.p50:10%,tpot.p50:10%,e2e.p50:10%,throughput_output:10%,error_rate:1%")
"""What `--bench-compare` fails on when `--bench-compare-fail` does not say."""
