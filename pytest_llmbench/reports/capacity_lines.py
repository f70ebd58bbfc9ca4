"""What a search of the highest load found, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.reports.lines import Line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmbench.records import ProbeRecord, ResultRecord, SearchRecord
    from pytest_llmbench.reports.lines import Names

__all__ = ["capacity_lines"]


def capacity_lines(results: Iterable[ResultRecord], names: Names) -> list[Line]:
    """Say of each search how much met the service levels and what did not, and why; its notes below."""
    results = list(results)
    replicates = any(result.replicate > 1 for result in results)
    lines: list[Line] = []
    for result in results:
        if result.search is None:
            continue
        name = f"{result.deployment.id} " * names.several + result.workload.id
        name += f" r{result.replicate:02d}" * replicates
        found = result.search
        text = f"{name}: {_found(found)}"
        lines.append(Line("capacity", "regressed" if found.best is None else "none", text))
        lines += [Line("", "none", note) for note in found.notes if not _is_told(note)]
    return lines


def _found(found: SearchRecord) -> str:
    slos = ", ".join(found.slos)
    if found.best is None:
        lowest = min(found.curve, key=lambda probe: probe.load)
        return f"none from {_load(found, lowest.load)} on meets {slos}: {_why(lowest)}"
    best = _load(found, found.best)
    if found.stop == "high":
        return f"{slos} still met at {best}, the end of the range; the limit may lie above"
    above = [probe for probe in found.curve if not probe.met and probe.load > found.best]
    text = f"{best} {'meets' if best == '1 stream' else 'meet'} {slos}"
    if not above:
        return text
    first = min(above, key=lambda probe: probe.load)
    # Without a unit: it is that of the best.
    return f"{text}; {first.load:.4g} do not: {_why(first)}"


def _load(found: SearchRecord, load: float) -> str:
    if found.by == "rate":
        return f"{load:.4g} req/s"
    return f"{load:g} stream{'s' * (load != 1)}"


def _why(probe: ProbeRecord) -> str:
    return "; ".join(probe.reasons) or "no reason was given"


def _is_told(note: str) -> bool:
    """Whether the sentence itself says so."""
    return note.startswith("no load met") or "is the highest load that was allowed" in note
