"""What `--bench-slo` says: the service levels a server has to keep.

An SLO has two meanings, which must not be mixed up:

- **of a run** (`meets`): the statistic over all values of the run. `ttft.p99=500ms` is met if the 99th
  percentile of all times to first token is at most 500 ms.
- **of a request** (`goodput`): the statistic over the request's own values. Of `ttft`, `tpot` and `e2e` a
  request has one value, so each statistic of it is that value, and `ttft.p99=500ms` is met by a request
  whose first token came within 500 ms. Of `itl` and `chunk_gap` it has many: `itl.p95=50ms` is met if the
  95th percentile of its own gaps is at most 50 ms. `error_rate` and throughputs are not properties of a
  request and do not count here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.requests import chunk_tokens, request_values
from pytest_llmbench.metrics.statements import read_statement
from pytest_llmbench.metrics.steady import when_over
from pytest_llmbench.metrics.summary import PERCENTILES, percentile, required_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_llmbench.client.trace import RequestTrace
    from pytest_llmbench.metrics.registry import Metric
    from pytest_llmbench.metrics.steady import Window
    from pytest_llmbench.metrics.summary import Summary

__all__ = ["SLO_STATS", "Slo", "goodput", "meets", "parse_slos", "request_meets", "values_needed"]

SLO_STATS = ("mean", *(f"p{percent}" for percent in PERCENTILES))
"""Statistics of a distribution that can be demanded. Extremes of a sample are luck, so not min and max."""

_FORM = "expected METRIC.STATISTIC=TIME, as in ttft.p99=500ms or e2e.p95=2s, or error_rate=1%"
_AMOUNT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(.*)", re.ASCII)
_UNITS: Mapping[str, Mapping[str, Decimal]] = MappingProxyType(
    {
        "s": {"s": Decimal(1), "ms": Decimal("1e-3"), "us": Decimal("1e-6")},
        "ratio": {"%": Decimal("0.01")},
    }
)
"""Unit of the registry → units that can be written, the largest first. All others are written as they are."""


@dataclass(frozen=True, slots=True)
class Slo:
    """What one statistic may come to, at most; at least, for throughputs.

    `stat` is None for a scalar metric. `bound` is in the unit of the registry: seconds, a fraction.
    """

    metric: str
    stat: str | None
    bound: float

    @property
    def key(self) -> str:
        """The name of the value it bounds: `ttft.p99`, `error_rate`."""
        return f"{self.metric}.{self.stat}" if self.stat else self.metric

    @property
    def per_request(self) -> bool:
        """Whether a single request can meet it."""
        return METRICS[self.metric].kind == "distribution"

    def holds(self, value: float) -> bool:
        """Whether a value is good enough; one at the bound is."""
        return value >= self.bound if METRICS[self.metric].direction == "higher" else value <= self.bound

    def __str__(self) -> str:
        """Write it as `parse_slos` reads it."""
        return f"{self.key}={_written(self.bound, METRICS[self.metric])}"


def parse_slos(text: str) -> tuple[Slo, ...]:
    """Read `ttft.p99=500ms,itl.p95=50ms,error_rate=1%`.

    A `UsageError` says which part is wrong, what was expected and which name is nearest.
    """
    slos = [_parse(part.strip(), text) for part in text.split(",")]
    keys = [slo.key for slo in slos]
    for key in keys:
        if keys.count(key) > 1:
            message = f"{key} is given twice in {text!r}"
            raise UsageError(message)
    return tuple(slos)


def _parse(part: str, text: str) -> Slo:
    bounded, stat, amount, where = read_statement(
        part, text, kind="SLO", sign="=", form=_FORM, problem=_problem
    )
    return Slo(bounded.name, stat, _bound(amount, bounded, where))


def _problem(bounded: Metric, stat: str) -> str:
    name = bounded.name
    if name == "goodput":
        return "goodput is counted with the SLOs, so it cannot be one"
    if bounded.direction == "none":
        return f"{name} is neither better nor worse when it changes, so it cannot be an SLO"
    if bounded.kind == "scalar":
        return f"{name} is one number a run and has no statistics; write {_example(bounded)}" if stat else ""
    if bounded.direction == "higher":  # its percentiles count from the slow end: p99 would be the best case
        return f"{name} is better high, and its p99 is the best case; bound tpot, its inverse, instead"
    if not stat:
        return f"{name} needs a statistic, as in {_example(bounded)}; {nearest('', SLO_STATS)}"
    return "" if stat in SLO_STATS else f"{name} has no statistic {stat!r}: {nearest(stat, SLO_STATS)}"


def _example(bounded: Metric) -> str:
    if bounded.kind == "distribution":
        return f"{bounded.name}.p99=500ms"
    return f"{bounded.name}=1%" if bounded.unit == "ratio" else f"{bounded.name}=100"


def _bound(amount: str, bounded: Metric, where: str) -> float:
    found = _AMOUNT.fullmatch(amount)
    units = _UNITS.get(bounded.unit, {"": Decimal(1), bounded.unit: Decimal(1)})
    if not found or found[2] not in units:
        hint = "" if not found else f"; {nearest(found[2], units)}" if found[2] else "; it needs a unit"
        known = ", ".join(unit for unit in units if unit)
        kind = {"s": "time", "ratio": "percentage"}.get(bounded.unit, "number")
        message = f"{where}: {amount!r} is not a {kind} in {known}{hint}; {_FORM}"
        raise UsageError(message)
    bound = float(Decimal(found[1]) * units[found[2]])
    if bounded.unit == "ratio" and bound >= 1:
        message = f"{where}: {bounded.name} never is above {amount}; give less than 100%"
        raise UsageError(message)
    if bound == float("inf") or (bound == 0 and bounded.unit != "ratio"):
        message = f"{where}: {amount!r} is too {'large' if bound else 'small'} to mean anything"
        raise UsageError(message)
    return bound


def _written(bound: float, bounded: Metric) -> str:
    """Shortest decimal without an exponent that reads back as the same number, in the handiest unit."""
    units = _UNITS.get(bounded.unit, {"": Decimal(1)})
    exact = Decimal(repr(bound))
    unit = next((unit for unit, size in units.items() if exact >= size), list(units)[-1])
    text = f"{exact / units[unit]:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + unit


def values_needed(slos: Iterable[Slo]) -> int:
    """How many values the most demanding percentile of `slos` takes: the least requests worth sending."""
    percents = [int(slo.stat[1:]) for slo in slos if slo.stat and slo.stat.startswith("p")]
    return max((required_count(percent) for percent in percents), default=1)


def meets(metrics: Mapping[str, Summary], slos: Iterable[Slo]) -> tuple[bool, tuple[str, ...]]:
    """Say whether a run met every SLO, and if not, why: one reason an SLO.

    What was not measured, or what the sample cannot carry, is not met: nothing shows that it was.
    """
    reasons = tuple(reason for slo in slos if (reason := _why_not(metrics.get(slo.metric), slo)))
    return not reasons, reasons


def _why_not(summary: Summary | None, slo: Slo) -> str:
    if summary is None:
        return f"{slo.key} was not measured"
    value = summary.get(slo.stat or "mean")
    if value is None:
        needed = values_needed([slo])
        return f"{slo.key} needs {needed} values, there were {summary.count}"
    if slo.holds(value):
        return ""
    known = METRICS[slo.metric]
    than = "below" if known.direction == "higher" else "above"
    shown = _written(float(f"{value:.4g}"), known)
    return f"{slo.key} was {shown}, {than} {_written(slo.bound, known)}"


def goodput(traces: Iterable[RequestTrace], inside: Window, slos: Sequence[Slo]) -> float | None:
    """Count requests/s that finished in the window and met every SLO.

    Failures count as not met. None if it cannot be told because the server does not say what an SLO needs,
    as `tpot` without counts of tokens.
    """
    good = 0
    for trace in traces:
        if trace.ok and (when_over(trace) or 0) in inside:
            met = request_meets(trace, slos)
            if met is None:
                return None
            good += met
    return good / inside.seconds


def request_meets(trace: RequestTrace, slos: Iterable[Slo]) -> bool | None:
    """Say whether a request met every SLO that a request can meet; None if the trace does not tell.

    A request of one token has no gaps, and meets an SLO of them. One that never came to an answer does not
    meet an SLO of `ttft_answer`.
    """
    if not trace.ok:
        return False
    values = request_values(trace)
    told = [_request_meets(trace, values.get(slo.metric), slo) for slo in slos if slo.per_request]
    if False in told:
        return False
    return None if None in told else True


def _request_meets(trace: RequestTrace, values: Sequence[float] | None, slo: Slo) -> bool | None:
    if values:
        return slo.holds(_statistic(sorted(values), slo.stat or "mean"))
    if slo.metric == "ttft_answer":
        return False
    no_gaps = {
        "tpot": trace.output_tokens is not None,
        "itl": len(trace.chunks) == 1 or chunk_tokens(trace) is not None,
        "chunk_gap": True,
    }
    return True if no_gaps.get(slo.metric) else None


def _statistic(ordered: Sequence[float], stat: str) -> float:
    return sum(ordered) / len(ordered) if stat == "mean" else percentile(ordered, int(stat[1:]))
