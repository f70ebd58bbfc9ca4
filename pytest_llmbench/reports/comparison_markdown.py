"""Verdicts in Markdown: the worst first, then what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.baselines.inference import discoveries
from pytest_llmbench.baselines.wording import (
    change_text,
    format_p,
    format_value,
    interval_text,
    one_start_text,
    rule_text,
)
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.reports.comparison_table import decisive, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.records import MetricComparison
    from pytest_llmbench.reports.rows import JudgedCell

__all__ = [
    "ICONS",
    "also_worse",
    "difference_lines",
    "drift_texts",
    "one_start_texts",
    "plain",
    "remarks",
    "verdict_rows",
]

ICONS = {
    "regressed": "\N{CROSS MARK}",
    "missing": "\N{CROSS MARK}",
    "invalid": "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}",
    "inconclusive": "\N{BLACK QUESTION MARK ORNAMENT}",
    "improved": "\N{UPWARDS BLACK ARROW}\N{VARIATION SELECTOR-16}",
    "pass": "\N{WHITE HEAVY CHECK MARK}",
    "none": "\N{EN DASH}",
}
_ORDER = list(ICONS)


def verdict_rows(judged: Iterable[JudgedCell]) -> list[str]:
    """Lay verdicts out as rows of a table, the worst first."""
    lines = ["| verdict | cell | metric | change | 90 % interval | sees from |", "|---|---|---|---|---|---|"]
    for one in sorted(judged, key=lambda one: _ORDER.index(one.verdict.verdict)):
        verdict = one.verdict.verdict
        label = f"{ICONS[verdict]} {'not compared' if verdict == 'none' else verdict}"
        found = shown(one) if verdict in {"regressed", "improved"} else decisive(one)
        if not found:
            lines.append(f"| {label} | `{one.cell}` | | {plain(one.verdict.message)} | | |")
        for comparison in found:
            lines.append(f"| {label} | `{one.cell}` | {_row(comparison)} |")
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


def difference_lines(judged: Sequence[JudgedCell]) -> list[str]:
    """Say how it was decided, and list what differs and which sessions were not believed."""
    rules = sorted({rule_text(one.verdict) for one in judged if one.verdict.comparisons})
    found = sorted({text for one in judged for text in one.verdict.treatment})
    lines = [f"Decided by a {', a '.join(rules)}.", ""] if rules else []
    lines += [f"- differs: `{plain(text)}`" for text in found]
    if rules and not found:
        lines.append("- nothing recorded differs: same version, image, arguments and environment variables")
    aside = dict.fromkeys(text for one in judged for text in one.verdict.set_aside)
    return [*lines, *(f"- set aside: {plain(text)}" for text in aside)]


def also_worse(judged: Sequence[JudgedCell]) -> list[str]:
    """Name cells that are probably slower as well, once the build has failed: it then pays to know."""
    if all(one.verdict.verdict != "regressed" for one in judged):
        return []
    tested = {
        f"{one.cell} {comparison.metric}": comparison
        for one in judged
        for comparison in one.verdict.comparisons
        if comparison.p is not None and comparison.median is None and not comparison.advisory
    }
    found = discoveries({name: comparison.p or 0.0 for name, comparison in tested.items()})
    more = [f"{name} {change_text(tested[name])}" for name in found if tested[name].verdict != "regressed"]
    if not more:
        return []
    return [f"probably slower, too (false discovery rate 5 %): {', '.join(more)}"]


def drift_texts(judged: Iterable[JudgedCell]) -> list[str]:
    """Say what is worse than the fixed anchor, whatever the newest baseline says."""
    return [
        f"drift: {one.cell} {comparison.metric} {change_text(comparison)} against {one.verdict.anchor!r}"
        for one in judged
        for comparison in one.verdict.drift
        if comparison.verdict == "regressed"
    ]


def one_start_texts(judged: Iterable[JudgedCell]) -> list[str]:
    """Say what would have regressed, had its median start been slow as well."""
    return [
        f"one start: {one.cell} {text}"
        for one in judged
        for comparison in one.verdict.comparisons
        if (text := one_start_text(comparison))
    ]


def remarks(judged: Sequence[JudgedCell]) -> list[str]:
    """List what is to be known beside the verdicts."""
    return [f"- {text}" for text in (*also_worse(judged), *one_start_texts(judged), *drift_texts(judged))]


def plain(text: str) -> str:
    """Keep a text from being read as a table's cell or as HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
