"""A session in Markdown, for a job's summary or a comment: verdicts first, then what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.baselines.inference import discoveries
from pytest_llmbench.baselines.wording import change_text, format_p, format_value, interval_text, rule_text
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.reports.comparison_table import decisive, heading, shown
from pytest_llmbench.reports.lines import first_line
from pytest_llmbench.reports.rows import last_replicates, verdict_of
from pytest_llmbench.reports.tables import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.records import MetricComparison, ResultRecord
    from pytest_llmbench.reports.document import Document

__all__ = ["also_worse", "drift_texts", "render_markdown"]

_ICONS = {
    "regressed": "\N{CROSS MARK}",
    "missing": "\N{CROSS MARK}",
    "invalid": "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}",
    "inconclusive": "\N{BLACK QUESTION MARK ORNAMENT}",
    "improved": "\N{UPWARDS BLACK ARROW}\N{VARIATION SELECTOR-16}",
    "pass": "\N{WHITE HEAVY CHECK MARK}",
    "none": "\N{EN DASH}",
}
_ORDER = list(_ICONS)
_HEADLINES = (("ttft", "p50"), ("ttft", "p99"), ("tpot", "p50"), ("throughput_output", "mean"))


def render_markdown(document: Document) -> str:
    """Render a session as GitHub and GitLab show it; ends in a newline."""
    told = [result for result in last_replicates(document.results) if result.deployment.side != "a"]
    compared = [result for result in told if result.verdict.baseline is not None]
    lines = [f"## {_title(document, told, compared)}", ""]
    if not document.session.complete:
        lines += ["This session did not run to its end; shown is what had finished.", ""]
    missing = [(cell, record) for record in document.unmeasured for cell in record.missing]
    if compared or missing:
        lines += _verdicts(compared)
        lines += [
            f"| {_ICONS['missing']} missing | `{cell}` | | {_plain(first_line(record.reason))} | | |"
            for cell, record in missing
        ]
        lines += ["", *_differences(compared)]
        lines += [f"- {text}" for text in (*also_worse(compared), *drift_texts(compared))]
    lines += ["", "<details><summary>What was measured</summary>", "", *_numbers(told), "", "</details>", ""]
    lines.append(f"<sub>session {document.session.id} on {_plain(document.environment.cpu)}</sub>")
    return "\n".join(lines) + "\n"


def _title(document: Document, told: Sequence[ResultRecord], compared: Sequence[ResultRecord]) -> str:
    if compared:
        return heading(compared)
    invalid = sum(verdict_of(result) == "invalid" for result in told)
    failed = sum(record.outcome != "skipped" for record in document.unmeasured)
    text = f"{len(told)} cells measured"
    text += f", {invalid} invalid" if invalid else ""
    return text + (f", {failed} failed" if failed else "")


def _verdicts(results: Iterable[ResultRecord]) -> list[str]:
    lines = ["| verdict | cell | metric | change | 90 % interval | sees from |", "|---|---|---|---|---|---|"]
    for result in sorted(results, key=lambda one: _ORDER.index(verdict_of(one))):
        verdict = verdict_of(result)
        label = f"{_ICONS[verdict]} {'not compared' if verdict == 'none' else verdict}"
        found = shown(result) if verdict in {"regressed", "improved"} else decisive(result)
        if not found:
            lines.append(f"| {label} | `{result.cell}` | | {_plain(result.verdict.message)} | | |")
        for comparison in found:
            lines.append(f"| {label} | `{result.cell}` | {_row(comparison)} |")
            label = ""
    return lines


def _row(comparison: MetricComparison) -> str:
    known = METRICS.get(comparison.metric.partition(".")[0])
    unit = known.unit if known else ""
    values = f"{format_value(comparison.baseline, unit)} → {format_value(comparison.candidate, unit)}"
    change = f"{change_text(comparison)} ({values})"
    if comparison.verdict in {"regressed", "improved"}:
        change = f"**{change}**"
    p = "" if comparison.p is None else f", {format_p(comparison.p)}"
    sees = "" if comparison.detectable is None else f"{comparison.detectable * 100:.1f} %"
    return f"{comparison.metric} | {change}{p} | {interval_text(comparison)} | {sees}"


def _differences(results: Sequence[ResultRecord]) -> list[str]:
    rules = sorted({rule_text(result.verdict) for result in results if result.verdict.comparisons})
    found = sorted({text for result in results for text in result.verdict.treatment})
    lines = [f"Decided by a {', a '.join(rules)}.", ""] if rules else []
    lines += [f"- differs: `{_plain(text)}`" for text in found]
    if rules and not found:
        lines.append("- nothing recorded differs: same version, image, arguments and environment variables")
    return lines


def also_worse(results: Sequence[ResultRecord]) -> list[str]:
    """Name cells that are probably slower as well, once the build has failed: it then pays to know."""
    if all(verdict_of(result) != "regressed" for result in results):
        return []
    tested = {
        f"{result.cell} {comparison.metric}": comparison
        for result in results
        for comparison in result.verdict.comparisons
        if comparison.p is not None and not comparison.advisory
    }
    found = discoveries({name: comparison.p or 0.0 for name, comparison in tested.items()})
    more = [f"{name} {change_text(tested[name])}" for name in found if tested[name].verdict != "regressed"]
    if not more:
        return []
    return [f"probably slower, too (false discovery rate 5 %): {', '.join(more)}"]


def drift_texts(results: Iterable[ResultRecord]) -> list[str]:
    """Say what is worse than the fixed anchor, whatever the newest baseline says."""
    return [
        f"drift: {result.cell} {comparison.metric} {change_text(comparison)}"
        f" against {result.verdict.anchor!r}"
        for result in results
        for comparison in result.verdict.drift
        if comparison.verdict == "regressed"
    ]


def _numbers(results: Iterable[ResultRecord]) -> list[str]:
    lines = [
        "| cell | " + " | ".join(f"{name} {stat}" for name, stat in _HEADLINES) + " | |",
        "|---" * (len(_HEADLINES) + 2) + "|",
    ]
    for result in results:
        cells = []
        for name, stat in _HEADLINES:
            record = result.metrics.get(name)
            value: float | None = getattr(record, stat) if record is not None else None
            cells.append(NOTHING if value is None or record is None else format_value(value, record.unit))
        reasons = "; ".join(result.validity.reasons)
        lines.append(f"| `{result.cell}` | {' | '.join(cells)} | {_plain(reasons)} |")
    return lines


def _plain(text: str) -> str:
    """Keep a text from being read as a table's cell or as HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
