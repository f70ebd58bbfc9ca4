"""One baseline or report against another, cell by cell, by the judge of the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.judge import Rules, judge_entries
from pytest_llmbench.baselines.reference import Reference
from pytest_llmbench.records import VerdictRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_llmbench.baselines.model import Baseline, SessionEntry

__all__ = ["Compared", "compare", "newest", "without"]


@dataclass(frozen=True)
class Compared:
    """What became of every cell."""

    verdicts: Mapping[str, VerdictRecord]
    """Of cells that both have, and of those that the second has only as invalid."""
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    left_out: Mapping[str, str]
    """Cells of the second that cannot be compared, and why."""
    evals: tuple[str, ...] = ()
    """Cells of evals that both have; they are judged prompt by prompt, elsewhere."""
    shared: tuple[str, ...] = ()
    """Sessions of the second that the first has as well: none was compared with itself."""


def newest(entries: Mapping[str, SessionEntry]) -> dict[str, SessionEntry]:
    """Keep the sessions of the newest treatment under the newest conditions, the oldest first."""
    by_age = sorted(entries.items(), key=lambda item: (item[1].started_at, item[0]))
    last = by_age[-1][1]
    return {
        session: entry
        for session, entry in by_age
        if (entry.treatment, entry.conditions) == (last.treatment, last.conditions)
    }


def without(baseline: Baseline, sessions: Collection[str]) -> Baseline:
    """Leave these sessions out: none is evidence against itself, wherever else it was saved."""
    return baseline.only([session for session in baseline.sessions if session not in sessions])


def compare(a: Baseline, b: Baseline, rules: Rules, anchor: Baseline | None = None) -> Compared:
    """Judge `b` against `a`, and against the fixed `anchor` as well if there is one.

    `rules.alpha` is the whole's, and is shared by the cells that both have. Of each cell of `b` the sessions
    of its newest treatment are judged together. A cell that was measured by `b` but not so that it could be
    used is `invalid`, as it is for a test.
    """
    evals = {
        cell
        for side in (a, b)
        for cell, entries in side.cells.items()
        if any(entry.evaluation is not None for entry in entries.values())
    }
    measured = {cell: newest(entries) for cell, entries in b.cells.items()}
    own = {session for entries in measured.values() for session in entries}
    others = without(a, own)
    both = [cell for cell in b.cells if cell in others.cells and cell not in evals]
    rules = replace(rules, alpha=rules.alpha / max(1, len(both)))
    reference, fixed = Reference(others), Reference(without(anchor, own)) if anchor else None
    verdicts = {
        cell: judge_entries(cell, list(measured[cell].values()), reference, rules, fixed) for cell in both
    }
    left_out = {cell: why for cell, why in b.left_out.items() if cell not in b.cells}
    left_out |= {
        cell: f"{a.name} has no other session of it"
        for cell in b.cells
        if cell in a.cells and cell not in others.cells
    }
    for cell, why in left_out.items():
        if cell in a.cells and why.startswith("invalid"):
            verdicts[cell] = VerdictRecord(verdict="invalid", baseline=a.name, message=why)
    return Compared(
        verdicts=dict(sorted(verdicts.items())),
        only_a=tuple(sorted(a.cells.keys() - b.cells.keys() - left_out.keys())),
        only_b=tuple(sorted(b.cells.keys() - a.cells.keys())),
        left_out={cell: why for cell, why in left_out.items() if cell not in verdicts},
        evals=tuple(sorted(evals & others.cells.keys() & b.cells.keys())),
        shared=tuple(session for session in a.sessions if session in own),
    )
