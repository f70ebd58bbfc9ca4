"""What the summary says in sentences. Every function gives (style, text), the worst first.

Many cells with the same thing to say share a line: a wall of text is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.baselines.wording import PLAIN_THRESHOLD, change_text, comparison_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_llmbench.records import ResultRecord, UnmeasuredRecord, VerdictName

    Line = tuple[VerdictName, str]

__all__ = ["comparison_lines", "problem_lines", "unmeasured_lines", "verdict_of"]

_ORDER: tuple[VerdictName, ...] = (
    "invalid",
    "missing",
    "regressed",
    "inconclusive",
    "improved",
    "pass",
    "none",
)
_MOST_LINES = 24
_MOST_NAMES = 4
_MOST_REASONS = 6


def verdict_of(result: ResultRecord) -> VerdictName:
    """Say what came of a result: `invalid` before anything a comparison says."""
    return result.verdict.verdict if result.validity.valid else "invalid"


def problem_lines(results: Iterable[ResultRecord]) -> list[Line]:
    """Say why results are invalid, which requests failed and how, and what to know of valid ones."""
    invalid: dict[str, list[str]] = {}
    failed: list[Line] = []
    notes: dict[str, list[str]] = {}
    for result in results:
        if not result.validity.valid:
            reasons = "; ".join(result.validity.reasons) or "no reason given"
            invalid.setdefault(reasons, []).append(result.cell)
        for note in result.validity.notes:
            notes.setdefault(note, []).append(result.cell)
        text = _failures(result)
        if text:
            failed.append(("regressed", text))
    lines: list[Line] = [("invalid", f"invalid: {_some(c)}: {reason}") for reason, c in invalid.items()]
    lines += _capped(failed, "results with failed requests")
    lines += [("none", f"note: {_some(cells)}: {note}") for note, cells in notes.items()]
    return lines


def _failures(result: ResultRecord) -> str:
    """Say `3 of 32 failed: HTTP 500 (2), timeout (1)`, most frequent first."""
    failed = sum(run.failed for run in result.runs)
    if not failed:
        return ""
    counts: dict[str, int] = {}
    for failure in (failure for run in result.runs for failure in run.failures):
        message = " ".join(failure.message.split())
        key = message if failure.kind in message else f"{failure.kind}: {message}".rstrip(": ")
        counts[key] = counts.get(key, 0) + failure.count
    ways = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{way} ({count})" if len(ways) > 1 else way for way, count in ways[:_MOST_NAMES]]
    if len(ways) > _MOST_NAMES:
        shown.append(f"{len(ways) - _MOST_NAMES} other ways")
    sent = sum(run.sent for run in result.runs)
    return f"{result.cell}: {failed} of {sent} failed: {', '.join(shown) or 'reason unknown'}"


def comparison_lines(
    results: Sequence[ResultRecord], unmeasured: Iterable[UnmeasuredRecord] = ()
) -> list[Line]:
    """Say how results compare with the baseline; nothing when no comparison was asked for."""
    judged = [result for result in results if result.verdict.baseline is not None]
    gone = [(cell, record) for record in unmeasured for cell in record.missing]
    if not judged and not gone:
        return []
    lines: list[Line] = []
    if judged:
        lines.append(("none", _heading(judged)))
    lines += [
        ("missing", f"missing: {cell}: the baseline has it; {record.outcome}: {_first_line(record.reason)}")
        for cell, record in gone
    ]
    lines += [
        ("missing", f"missing: {result.cell}: {result.verdict.message}")
        for result in judged
        if verdict_of(result) == "missing"
    ]
    for wanted in ("regressed", "improved"):
        lines += [
            (comparison.verdict, f"{wanted}: {result.cell}: {comparison_text(comparison)}")
            for result in judged
            for comparison in result.verdict.comparisons
            if comparison.verdict == wanted
        ]
    lines += [("pass", text) for result in judged if (text := _passed(result))]
    return _capped(lines, "comparisons") + _uncompared(judged)


def _heading(judged: Sequence[ResultRecord]) -> str:
    names = sorted({f"{result.verdict.baseline!r}" for result in judged})
    counts = {verdict: sum(verdict_of(r) == verdict for r in judged) for verdict in _ORDER}
    told = ", ".join(
        f"{count} {'not compared' if verdict == 'none' else verdict}"
        for verdict, count in counts.items()
        if count
    )
    return f"compared with baseline {', '.join(names)} ({PLAIN_THRESHOLD}): {told}"


def _passed(result: ResultRecord) -> str:
    within = [c for c in result.verdict.comparisons if c.verdict == "pass"]
    if not within or verdict_of(result) == "invalid":
        return ""
    count = result.verdict.baseline_sessions
    told = ", ".join(f"{c.metric} {change_text(c)}" for c in within)
    return f"within limits: {result.cell} ({count} session{'s' * (count != 1)}): {told}"


def _uncompared(judged: Iterable[ResultRecord]) -> list[Line]:
    """Cells with nothing to compare with: the message says why, and which command records them."""
    why: dict[str, list[str]] = {}
    for result in judged:
        if verdict_of(result) == "none":
            why.setdefault(result.verdict.message, []).append(result.cell)
    return [("none", f"not compared: {_some(cells)}: {message}") for message, cells in why.items()]


def unmeasured_lines(unmeasured: Sequence[UnmeasuredRecord], measured: Collection[str] = ()) -> list[Line]:
    """Summarize what produced no result, skipped deployments by reason.

    `measured` are the ids of deployments with results: those were not skipped as a whole, so their
    skipped tests are counted as tests.
    """
    lines: list[Line] = []
    failed = [record for record in unmeasured if record.outcome != "skipped"]
    lines += _capped(
        [("regressed", f"{r.outcome}: {r.nodeid}: {_first_line(r.reason)}") for r in failed],
        "tests without a result",
    )
    skipped = [record for record in unmeasured if record.outcome == "skipped"]
    whole = {
        r.deployment: r.reason for r in reversed(skipped) if r.deployment and r.deployment not in measured
    }
    single = [r.reason for r in skipped if r.deployment not in whole]
    # Reversed twice: the first reason of each deployment, in the order they were met.
    lines += _skips("deployment", list(reversed(whole.values())))
    lines += _skips("test", single)
    return lines


def _skips(noun: str, reasons: Sequence[str]) -> list[Line]:
    if not reasons:
        return []
    counts: dict[str, int] = {}
    for reason in map(_first_line, reasons):
        counts[reason] = counts.get(reason, 0) + 1
    ways = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = [_reason(count, reason) for reason, count in ways[:_MOST_REASONS]]
    rest = sum(count for _, count in ways[_MOST_REASONS:])
    if rest:
        told.append(f"{rest} for other reasons")
    many = "s" * (len(reasons) != 1)
    return [("none", f"{len(reasons)} {noun}{many} skipped: {'; '.join(told)}")]


def _reason(count: int, reason: str) -> str:
    if reason.startswith("needs "):
        return f"{count} {reason if count == 1 else 'need ' + reason.removeprefix('needs ')}"
    return f"{count} because: {reason}"


def _some(cells: Sequence[str]) -> str:
    """Name a few cells and count the others."""
    names = list(dict.fromkeys(cells))
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more cells"


def _capped(lines: list[Line], noun: str) -> list[Line]:
    if len(lines) <= _MOST_LINES:
        return lines
    rest = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], ("none", f"and {rest} more {noun}: see the report")]


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "no reason given"
