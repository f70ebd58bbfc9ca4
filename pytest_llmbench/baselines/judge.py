"""Whether a session is worse than its baseline: pure functions, by a plain threshold for now."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.comparability import (
    changes,
    conditions_of,
    mismatches,
    treatment_of,
)
from pytest_llmbench.baselines.limits import DEFAULT_LIMITS, Limit
from pytest_llmbench.baselines.values import average, replicates_of, session_values
from pytest_llmbench.baselines.wording import PLAIN_THRESHOLD
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.records import MetricComparison, VerdictRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.baselines.model import Baseline, SessionEntry
    from pytest_llmbench.records import EnvironmentRecord, ResultRecord, VerdictName

__all__ = ["FAILING", "judge_cell", "judge_threshold"]

FAILING: frozenset[VerdictName] = frozenset({"regressed", "missing", "invalid"})
"""Verdicts that fail the measuring test."""


def judge_cell(
    results: Sequence[ResultRecord],
    baseline: Baseline,
    environment: EnvironmentRecord,
    limits: Sequence[Limit] = DEFAULT_LIMITS,
    *,
    allow_mismatch: bool = False,
) -> VerdictRecord:
    """Judge what one session measured of one cell, all its replicates together.

    Compared with are the sessions under the same conditions that have the newest one's treatment: older
    treatments were accepted away by saving the newest. Differing conditions refuse to compare (verdict
    `none`, the message names the facts) unless `allow_mismatch`; a cell the baseline does not have is
    `none`, too, and the message says how to record it. `results` must not be empty.
    """
    first = results[0]
    unfit = [result for result in results if not result.validity.valid]
    if unfit:
        reasons = "; ".join(unfit[0].validity.reasons) or "no reason given"
        return VerdictRecord(
            verdict="invalid",
            baseline=baseline.name,
            message=f"an invalid measurement is not judged: {reasons}",
        )
    stored = baseline.cells.get(first.cell)
    if not stored:
        return judge_threshold((), {}, limits, baseline=baseline.name, record_command=baseline.record_command)
    conditions = conditions_of(first.deployment, environment)
    by_age = sorted(stored.values(), key=lambda entry: entry.started_at)
    fitting = [entry for entry in by_age if allow_mismatch or entry.conditions == conditions]
    if not fitting:
        facts = "; ".join(mismatches(by_age[-1].conditions, conditions))
        message = (
            f"not compared, because the conditions differ: {facts} (--bench-allow-mismatch compares anyway)"
        )
        return VerdictRecord(verdict="none", baseline=baseline.name, message=message)
    verdict = judge_threshold(
        [session_values(entry.replicates) for entry in _newest_treatment(fitting)],
        session_values(replicates_of(results)),
        limits,
        baseline=baseline.name,
        record_command=baseline.record_command,
    )
    differing = changes(fitting[-1].treatment, treatment_of(results[-1], environment))
    facts = "; ".join(mismatches(fitting[-1].conditions, conditions))
    message = f"{verdict.message}; conditions differ: {facts}" if facts else verdict.message
    return verdict.model_copy(update={"treatment": differing, "message": message})


def _newest_treatment(by_age: Sequence[SessionEntry]) -> list[SessionEntry]:
    return [entry for entry in by_age if entry.treatment == by_age[-1].treatment]


def judge_threshold(
    baseline_sessions: Sequence[Mapping[str, float]],
    candidate_values: Mapping[str, float],
    limits: Sequence[Limit],
    *,
    baseline: str,
    record_command: str = "pytest -m bench --bench-save=NAME",
) -> VerdictRecord:
    """Compare one session's values with those of baseline sessions, each limit for itself.

    The values are those of `session_values`. `regressed` if any limit is broken by at least the metric's
    smallest effect; else `missing` if the baseline has a limited value that the candidate lacks, since
    what could not be measured must not pass; else `improved` if any is better by as much; else `pass`.
    With no baseline session, or nothing both sides have, the verdict is `none` and the message says what
    to do.
    """
    if not baseline_sessions:
        # Without the cell's name, so that a summary can say it once for many.
        message = f"not in baseline {baseline!r}; record with: {record_command}"
        return VerdictRecord(verdict="none", baseline=baseline, message=message)
    comparisons: list[MetricComparison] = []
    lost: list[str] = []
    for limit in limits:
        known = [values[limit.key] for values in baseline_sessions if limit.key in values]
        if not known:
            continue
        if limit.key not in candidate_values:
            lost.append(limit.key)
            continue
        comparisons.append(_compare(limit, average(limit.key, known), candidate_values[limit.key]))
    verdict = _worst(comparisons, lost)
    return VerdictRecord(
        verdict=verdict,
        rule="threshold" if comparisons or lost else "none",
        baseline=baseline,
        baseline_sessions=len(baseline_sessions),
        message=_message(verdict, lost, limits),
        comparisons=tuple(comparisons),
    )


def _compare(limit: Limit, baseline: float, candidate: float) -> MetricComparison:
    known = METRICS[limit.metric]
    difference = candidate - baseline
    change = difference / baseline if baseline else None
    if change is not None and not math.isfinite(change):
        change = None  # a baseline next to nothing is nothing
    effect = difference if limit.absolute else change
    worse = 1 if known.direction == "lower" else -1
    matters = abs(difference) >= known.smallest_effect and difference != 0
    verdict: VerdictName = "pass"
    if matters and effect is None:
        # From zero to anything is beyond every fraction.
        verdict = "regressed" if worse * difference > 0 else "improved"
    elif matters and effect is not None and abs(effect) > limit.allowed:
        verdict = "regressed" if worse * effect > 0 else "improved"
    return MetricComparison(
        metric=limit.key,
        baseline=baseline,
        candidate=candidate,
        change=change,
        limit=limit.allowed,
        verdict=verdict,
    )


def _worst(comparisons: Sequence[MetricComparison], lost: Sequence[str]) -> VerdictName:
    found = {comparison.verdict for comparison in comparisons}
    if "regressed" in found:
        return "regressed"
    if lost:
        return "missing"
    if not comparisons:
        return "none"
    return "improved" if "improved" in found else "pass"


def _message(verdict: VerdictName, lost: Sequence[str], limits: Sequence[Limit]) -> str:
    if verdict == "none":
        return "nothing to compare: the baseline has none of " + ", ".join(limit.key for limit in limits)
    if lost:
        return f"{', '.join(lost)} could not be measured and the baseline has it; {PLAIN_THRESHOLD}"
    return PLAIN_THRESHOLD
