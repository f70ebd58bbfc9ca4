"""Whether a session is worse than its baseline: pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.comparability import (
    changes,
    conditions_of,
    mismatches,
    treatment_of,
)
from pytest_llmbench.baselines.deciding import by_statistics, by_threshold, too_few_requests
from pytest_llmbench.baselines.inference import sessions
from pytest_llmbench.baselines.limits import DEFAULT_LIMITS
from pytest_llmbench.baselines.model import SessionEntry
from pytest_llmbench.baselines.values import average, replicates_of, start_values
from pytest_llmbench.baselines.wording import PLAIN_THRESHOLD, percent
from pytest_llmbench.records import VerdictRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from pytest_llmbench.baselines.limits import Limit
    from pytest_llmbench.baselines.reference import Reference
    from pytest_llmbench.baselines.values import Replicates
    from pytest_llmbench.records import EnvironmentRecord, MetricComparison, ResultRecord, VerdictName

__all__ = [
    "ALPHA",
    "FAILING",
    "Rules",
    "invalid_verdict",
    "judge_cell",
    "judge_entries",
    "judge_sessions",
    "verdict_of_cell",
]

FAILING: frozenset[VerdictName] = frozenset({"regressed", "missing", "invalid"})
"""Verdicts that fail the measuring test."""

ALPHA = 0.05
"""How often a build in which nothing changed may fail, all its tests together."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is gated, and how sure it must be.

    `alpha` is the share of one cell of the whole's `ALPHA`; it is divided among the limits.
    """

    limits: Sequence[Limit] = DEFAULT_LIMITS
    alpha: float = ALPHA
    allow_mismatch: bool = False

    @property
    def alpha_each(self) -> float:
        """Share of one metric; those that are judged without statistics need none."""
        return self.alpha / max(1, sum(not limit.absolute for limit in self.limits))


def judge_cell(
    results: Sequence[ResultRecord],
    reference: Reference,
    environment: EnvironmentRecord,
    rules: Rules,
    anchor: Reference | None = None,
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
        return invalid_verdict(unfit[0], reference.baseline.name)
    measured = SessionEntry(
        started_at=first.runs[0].started_at if first.runs else "",
        conditions=conditions_of(first, environment),
        treatment=treatment_of(results[-1], environment),
        replicates=replicates_of(results),
    )
    return judge_entries(first.cell, [measured], reference, rules, anchor)


def judge_entries(
    cell: str,
    measured: Sequence[SessionEntry],
    reference: Reference,
    rules: Rules,
    anchor: Reference | None = None,
) -> VerdictRecord:
    """Judge what one or more sessions of one treatment, under the same conditions, measured of one cell.

    With an `anchor` they are compared with that as well: what it says is the verdict's `drift`.
    """
    last, baseline = measured[-1], reference.baseline
    stored = baseline.cells.get(cell)
    if not stored:
        # Without the cell's name, so that a summary can say it once for many.
        message = f"not in baseline {baseline.name!r}; record with: {baseline.record_command}"
        return VerdictRecord(verdict="none", baseline=baseline.name, message=message)
    by_age = sorted(stored.values(), key=lambda entry: entry.started_at)
    fitting = [
        entry for entry in by_age if rules.allow_mismatch or not mismatches(entry.conditions, last.conditions)
    ]
    if not fitting:
        facts = "; ".join(mismatches(by_age[-1].conditions, last.conditions))
        message = (
            f"not compared, because the conditions differ: {facts} (--bench-allow-mismatch compares anyway)"
        )
        return VerdictRecord(verdict="none", baseline=baseline.name, message=message)
    verdict = judge_sessions(fitting, [entry.replicates for entry in measured], reference, rules)
    differing = changes(fitting[-1].treatment, last.treatment)
    facts = "; ".join(mismatches(fitting[-1].conditions, last.conditions))
    message = "; ".join(filter(None, (verdict.message, facts and f"conditions differ: {facts}")))
    found: dict[str, object] = {"treatment": differing, "message": message}
    if anchor and (drift := judge_entries(cell, measured, anchor, rules).comparisons):
        found.update(anchor=anchor.baseline.name, drift=drift)
    return verdict.model_copy(update=found)


def invalid_verdict(result: ResultRecord, baseline: str) -> VerdictRecord:
    """Say that there is nothing to judge, and why."""
    reasons = "; ".join(result.validity.reasons) or "no reason given"
    message = f"an invalid measurement is not judged: {reasons}"
    return VerdictRecord(verdict="invalid", baseline=baseline, message=message)


def judge_sessions(
    by_age: Sequence[SessionEntry], measured: Sequence[Replicates], reference: Reference, rules: Rules
) -> VerdictRecord:
    """Compare measured sessions of a cell with its stored ones, oldest first, each limit for itself.

    Of several that were measured the mean is compared: it is as much surer.

    `missing` if the baseline has a limited value that was not measured: what could not be must not pass.
    """
    newest = [entry for entry in by_age if entry.treatment == by_age[-1].treatment]
    used: set[int] = set()
    comparisons: list[MetricComparison] = []
    lost: list[str] = []
    for limit in rules.limits:
        compared = [one for one in newest if limit.absolute or reference.off(one, limit.key) is None]
        used |= set(map(id, compared))
        known = [(one, value) for one in compared if (value := reference.value(one, limit.key)) is not None]
        if not known:
            continue
        values = [value for _, value in known]
        comparison = _compare(limit, values, measured, by_age, reference, alpha=rules.alpha_each)
        if comparison is None:
            lost.append(limit.key)
        else:
            advisory = too_few_requests(limit, [*measured, *(entry.replicates for entry, _ in known)])
            comparisons.append(comparison.model_copy(update={"advisory": advisory}))
    verdict = verdict_of_cell(
        comparisons, lost, rules, baseline=reference.baseline.name, baseline_sessions=len(used)
    )
    aside = _set_aside(by_age, reference, rules.limits)
    return verdict.model_copy(update={"sessions": len(measured), "set_aside": aside})


def _compare(
    limit: Limit,
    baseline: Sequence[float],
    measured: Sequence[Replicates],
    by_age: Sequence[SessionEntry],
    reference: Reference,
    *,
    alpha: float,
) -> MetricComparison | None:
    """Compare measured sessions with values of stored ones; all that are stored tell how noisy they are.

    None if nothing was measured.
    """
    starts = [list(own.values()) for one in measured if (own := start_values(one, limit.key))]
    if not starts:
        return None
    within = reference.spread(by_age, limit.key)
    if limit.absolute or min(*baseline, *chain(*starts)) <= 0 or not within.df:
        return by_threshold(limit, baseline, average(limit.key, [average(limit.key, one) for one in starts]))
    logs = [[math.log(value) for value in one] for one in starts]
    fewer = reference.fewer(by_age, limit.key, measured)
    estimate = sessions([math.log(value) for value in baseline], logs, within, fewer)
    return by_statistics(limit, estimate, average(limit.key, baseline), alpha=alpha, rule="sessions")


def _set_aside(
    entries: Sequence[SessionEntry], reference: Reference, limits: Sequence[Limit]
) -> tuple[str, ...]:
    """Say which sessions were not compared with, and why."""
    found: dict[str, list[str]] = {}
    for limit in limits:
        # Of metrics that can be zero every session counts: the worst of them says what is usual.
        for entry in () if limit.absolute else entries:
            if (off := reference.off(entry, limit.key)) is not None:
                found.setdefault(reference.session(entry), []).append(f"{limit.key} {percent(off)}")
    return tuple(f"session {session}: {', '.join(texts)} in most cells" for session, texts in found.items())


def verdict_of_cell(
    comparisons: Sequence[MetricComparison],
    lost: Sequence[str],
    rules: Rules,
    *,
    baseline: str,
    baseline_sessions: int,
) -> VerdictRecord:
    """Put the comparisons of a cell together: the worst decides, what is advisory does not."""
    found = {comparison.verdict for comparison in comparisons if not comparison.advisory}
    verdict: VerdictName = "missing" if lost else "pass" if comparisons else "none"
    order: tuple[VerdictName, ...] = ("pass", "improved", "inconclusive", "regressed")
    for name in order:
        if name in found and not (lost and name != "regressed"):
            verdict = name
    rule: Literal["none", "threshold", "sessions", "pairs"] = "none"
    if comparisons or lost:
        rule = next((c.rule for c in comparisons if c.rule != "threshold"), "threshold")
    return VerdictRecord(
        verdict=verdict,
        rule=rule,
        baseline=baseline,
        baseline_sessions=baseline_sessions,
        message=_message(verdict, lost, rules.limits, plain=rule == "threshold"),
        comparisons=tuple(comparisons),
    )


def _message(verdict: VerdictName, lost: Sequence[str], limits: Sequence[Limit], *, plain: bool) -> str:
    if verdict == "none":
        return "nothing to compare: the baseline has none of " + ", ".join(limit.key for limit in limits)
    parts = [f"{', '.join(lost)} could not be measured and the baseline has it"] if lost else []
    return "; ".join([*parts, *([PLAIN_THRESHOLD] if plain else [])])
