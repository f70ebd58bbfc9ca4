"""What a person should know of a session beyond its tables, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.baselines.wording import comparison_text
from pytest_llmbench.counting import counted
from pytest_llmbench.reports.comparison_markdown import also_worse, drift_texts, one_start_texts
from pytest_llmbench.reports.lines import (
    Line,
    Names,
    capped,
    first_line,
    shared,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_llmbench.records import ResultRecord, UnmeasuredRecord
    from pytest_llmbench.reports.rows import JudgedCell

__all__ = ["comparison_lines", "names_of", "problem_lines", "unmeasured_lines"]

_MOST_WAYS = 6
_MOST_TREATMENTS = 3


def names_of(results: Iterable[ResultRecord], unmeasured: Iterable[UnmeasuredRecord]) -> Names:
    """Know every cell of a session."""
    return Names([r.cell for r in results] + [cell for record in unmeasured for cell in record.missing])


def comparison_lines(
    told: Iterable[JudgedCell], unmeasured: Iterable[UnmeasuredRecord], names: Names
) -> list[Line]:
    """Explain the comparison's table: what got worse by how much, and what is not in the table and why."""
    judged = [one for one in told if one.verdict.baseline is not None]
    gone = [
        (f"the baseline has it; {record.outcome}: {first_line(record.reason)}", cell)
        for record in unmeasured
        for cell in record.missing
    ]
    gone += [(r.verdict.message, r.cell) for r in judged if r.verdict.verdict == "missing"]
    lines = _regressed([one for one in judged if one.verdict.verdict == "regressed"], names)
    lines += capped(
        [Line("missing", "missing", f"{names.some(cells)}: {text}") for text, cells in shared(gone)],
        "missing cells",
    )
    lines += [Line("also", "regressed", text) for text in also_worse(judged)]
    lines += [Line("one start", "none", text.removeprefix("one start: ")) for text in one_start_texts(judged)]
    lines += [Line("drift", "regressed", text.removeprefix("drift: ")) for text in drift_texts(judged)]
    treatments = shared((_differences(r), r.cell) for r in judged if r.verdict.treatment)
    compared = Names(one.cell for one in judged if one.verdict.verdict != "none")
    lines += [Line("differs", "none", f"{text} ({compared.some(cells)})") for text, cells in treatments]
    aside: dict[str, list[str]] = {}
    why: dict[str, list[str]] = {}
    for result in judged:
        for text in result.verdict.set_aside:
            aside.setdefault(text, []).append(result.cell)
    lines += [Line("set aside", "none", f"{text} ({compared.some(cells)})") for text, cells in aside.items()]
    for result in judged:
        if result.verdict.verdict == "none":
            message = result.verdict.message.removeprefix("not compared, because ")
            why.setdefault(message, []).append(result.cell)
    for message, cells in why.items():
        lines.append(Line("not compared", "none", f"{names.counted(cells)}: {message}"))
    return lines


def _regressed(results: Sequence[JudgedCell], names: Names) -> list[Line]:
    lines: list[Line] = []
    deployment = ""
    for result in results:
        worse = [comparison_text(c) for c in result.verdict.comparisons if c.verdict == "regressed"]
        text = f"{names.short(result.cell)}: {'; '.join(worse) or result.verdict.message}"
        if not names.several:
            lines.append(Line("regressed", "regressed", text))
            continue
        if result.deployment != deployment:
            deployment = result.deployment
            lines.append(Line("regressed", "regressed", deployment))
        lines.append(Line("", "none", text))
    return capped(lines, "regressed cells")


def _differences(result: JudgedCell) -> str:
    treatment = result.verdict.treatment
    rest = len(treatment) - _MOST_TREATMENTS
    return "; ".join(treatment[:_MOST_TREATMENTS]) + (f" and {rest} more" if rest > 0 else "")


def problem_lines(results: Sequence[ResultRecord], names: Names) -> list[Line]:
    """Say why results are invalid, which requests failed and how, and what to know of valid ones."""
    invalid = shared(
        ("; ".join(result.validity.reasons) or "no reason given", result.cell)
        for result in results
        if not result.validity.valid
    )
    notes = shared(
        (note, result.cell)
        for result in results
        for note in result.validity.notes
        # Which they were and how they failed has a line of its own.
        if not note.endswith("requests failed")
    )
    return [
        *(Line("invalid", "invalid", f"{names.some(cells)}: {reason}") for reason, cells in invalid),
        *_failures(results, names),
        *(Line("note", "none", f"{note} ({names.some(cells)})") for note, cells in notes),
    ]


def _failures(results: Iterable[ResultRecord], names: Names) -> list[Line]:
    """Say `3 of 32 requests: HTTP 500 (short c001)` for each way to fail, most frequent first."""
    ways: dict[str, dict[str, int]] = {}
    sent: dict[str, int] = {}
    for result in results:
        for run in result.runs:
            sent[result.cell] = sent.get(result.cell, 0) + run.sent
            for failure in run.failures:
                message = " ".join(failure.message.split())
                way = message if failure.kind in message else f"{failure.kind}: {message}".rstrip(": ")
                cells = ways.setdefault(way, {})
                cells[result.cell] = cells.get(result.cell, 0) + failure.count
    frequent = sorted(ways.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    lines = [
        Line(
            "failed",
            "regressed",
            f"{sum(cells.values())} of {counted(sum(sent[cell] for cell in cells), 'request')}: {way}"
            f" ({names.some(cells)})",
        )
        for way, cells in frequent[:_MOST_WAYS]
    ]
    rest = sum(count for _, cells in frequent[_MOST_WAYS:] for count in cells.values())
    if rest:
        ways_left = counted(len(ways) - _MOST_WAYS, "other way")
        lines.append(Line("failed", "regressed", f"{rest} more in {ways_left}"))
    return lines


def unmeasured_lines(unmeasured: Sequence[UnmeasuredRecord], measured: Collection[str] = ()) -> list[Line]:
    """Summarize what produced no result, skipped deployments by reason.

    `measured` are the ids of deployments with results: those were not skipped as a whole, so their
    skipped tests are counted as tests.
    """
    failed: dict[tuple[str, str, str | None], list[str]] = {}
    for record in unmeasured:
        if record.outcome != "skipped":
            key = record.outcome, first_line(record.reason), record.deployment
            failed.setdefault(key, []).append(record.nodeid)
    lines = [
        Line(
            outcome,
            "regressed",
            f"{nodeids[0] if len(nodeids) == 1 else f'{len(nodeids)} tests of {deployment}'}: {reason}",
        )
        for (outcome, reason, deployment), nodeids in failed.items()
    ]
    skipped = [record for record in unmeasured if record.outcome == "skipped"]
    whole: dict[str, str] = {}
    single: list[str] = []
    for record in skipped:
        if record.deployment and record.deployment not in measured:
            whole.setdefault(record.deployment, record.reason)
        else:
            single.append(record.reason)
    return [
        *capped(lines, "reasons why tests have no result"),
        *_skips("deployment", list(whole.values())),
        *_skips("test", single),
    ]


def _skips(noun: str, reasons: Sequence[str]) -> list[Line]:
    if not reasons:
        return []
    counts: dict[str, int] = {}
    for reason in map(first_line, reasons):
        counts[reason] = counts.get(reason, 0) + 1
    ways = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = [_reason(count, reason) for reason, count in ways[:_MOST_WAYS]]
    rest = sum(count for _, count in ways[_MOST_WAYS:])
    if rest:
        told.append(f"{rest} for other reasons")
    return [Line("skipped", "none", f"{counted(len(reasons), noun)}: {'; '.join(told)}")]


def _reason(count: int, reason: str) -> str:
    if reason.startswith("needs "):
        return f"{count} {reason if count == 1 else 'need ' + reason.removeprefix('needs ')}"
    return f"{count} because: {reason}"
