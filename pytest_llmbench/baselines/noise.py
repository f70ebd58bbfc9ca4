"""What sessions of the same say about the noise of a machine: pure functions over a baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.comparing import compare, newest
from pytest_llmbench.baselines.components import components
from pytest_llmbench.baselines.reference import FEWEST_SESSIONS
from pytest_llmbench.baselines.values import average, start_values
from pytest_llmbench.metrics.registry import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.baselines.components import Components
    from pytest_llmbench.baselines.judge import Rules
    from pytest_llmbench.baselines.limits import Limit
    from pytest_llmbench.baselines.model import Baseline, SessionEntry
    from pytest_llmbench.baselines.values import RunValues

__all__ = ["Alarms", "CellNoise", "alike", "false_alarms", "noise_of"]

_Z90 = 1.2815515655446004
_FEWEST = 2
_POOLED = frozenset({"itl", "chunk_gap"})
"""Their values are gaps, many to a request: what one request has is no noise of the others."""


@dataclass(frozen=True, slots=True)
class CellNoise:
    """The noise of one metric of one cell. `requests` is the CV of single requests, None if unknown."""

    cell: str
    metric: str
    sessions: int
    replicates: int
    value: float
    """Of all sessions together, in the metric's unit."""
    requests: float | None
    parts: Components


@dataclass(frozen=True, slots=True)
class Alarms:
    """What the judge said of each session, held against all the others: nothing has changed between them."""

    sessions: int
    failed: tuple[str, ...]
    """Sessions in which something was `regressed`."""
    cells: int
    regressed: int
    improved: int


def alike(baseline: Baseline) -> Baseline:
    """Keep what was measured of the same: the newest treatment and conditions of each cell, and no evals."""
    cells = {
        cell: newest(entries)
        for cell, entries in baseline.cells.items()
        if all(entry.evaluation is None for entry in entries.values())
    }
    return replace(baseline, cells=cells)


def noise_of(baseline: Baseline, limits: Sequence[Limit]) -> tuple[CellNoise, ...]:
    """Estimate the noise of every cell with two or more sessions. Metrics that are ratios have none."""
    found = []
    for limit in limits:
        if limit.absolute:
            continue
        for cell, entries in sorted(baseline.cells.items()):
            sessions = [
                list(start_values(entry.replicates, limit.key).values()) for entry in entries.values()
            ]
            sessions = [starts for starts in sessions if starts]
            if len(sessions) >= _FEWEST and min(map(min, sessions)) > 0:
                found.append(_noise(cell, limit, sessions, entries))
    return tuple(found)


def _noise(
    cell: str, limit: Limit, sessions: Sequence[Sequence[float]], entries: Mapping[str, SessionEntry]
) -> CellNoise:
    logs = [[math.log(value) for value in starts] for starts in sessions]
    runs = [run for entry in entries.values() for starts in entry.replicates.values() for run in starts]
    of_requests = _request_variance(limit, runs)
    counts = [
        math.fsum(run.get(f"{limit.metric}.count", 0.0) for run in starts)
        for entry in entries.values()
        for starts in entry.replicates.values()
    ]
    # Of a median, pi / 2 times that of a mean.
    factor = math.pi / 2 if limit.stat == "p50" else 1.0
    known = of_requests is not None and min(counts) > 0
    of_starts = factor * (of_requests or 0.0) / median(counts) if known else 0.0
    return CellNoise(
        cell=cell,
        metric=limit.key,
        sessions=len(sessions),
        replicates=min(map(len, sessions)),
        value=average(limit.key, [math.exp(math.fsum(starts) / len(starts)) for starts in logs]),
        requests=None if of_requests is None else math.sqrt(math.expm1(of_requests)),
        parts=components(logs, of_starts),
    )


def _request_variance(limit: Limit, runs: Sequence[RunValues]) -> float | None:
    """Variance of the logarithm of single requests, from how far p90 is above p50 as if it were normal."""
    known = METRICS[limit.metric]
    if known.kind == "scalar" or known.name in _POOLED or limit.stat not in {"p50", "mean"}:
        return None
    names = f"{limit.metric}.p50", f"{limit.metric}.p90"
    pairs = [(run[names[0]], run[names[1]]) for run in runs if names[0] in run and names[1] in run]
    squares = [(math.log(p90 / p50) / _Z90) ** 2 for p50, p90 in pairs if p50 > 0]
    return math.fsum(squares) / len(squares) if squares else None


def false_alarms(baseline: Baseline, rules: Rules) -> Alarms | None:
    """Judge each session against all others; None if there are too few for a test."""
    sessions = list(baseline.sessions)
    if len(sessions) <= FEWEST_SESSIONS:
        return None
    failed: list[str] = []
    verdicts: list[str] = []
    for session in sessions:
        others = baseline.only([other for other in sessions if other != session])
        found = compare(others, baseline.only([session]), rules).verdicts.values()
        verdicts += [one.verdict for one in found]
        if any(one.verdict == "regressed" for one in found):
            failed.append(session)
    counted = ("regressed", "improved")
    regressed, improved = (verdicts.count(name) for name in counted)
    return Alarms(len(sessions), tuple(failed), len(verdicts), regressed, improved)
