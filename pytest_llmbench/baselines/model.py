"""What is stored of a baseline: cell, session, replicate, run. Merging is copying entries."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict

from pytest_llmbench.baselines.comparability import Conditions, Treatment, conditions_of, treatment_of
from pytest_llmbench.baselines.parts import CellParts, parts_of
from pytest_llmbench.baselines.values import replicates_of
from pytest_llmbench.records import EvalRecord  # noqa: TC001 - pydantic needs it

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord

__all__ = [
    "SCHEMA_VERSION",
    "Baseline",
    "CellDocument",
    "SessionEntry",
    "entries_of",
    "parts_by_cell",
    "why_left_out",
]

SCHEMA_VERSION: Final = "1.1"
"""Raised with every change of what is stored, and then `migrations` gets a step."""


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SessionEntry(_Stored):
    """What one session measured of one cell."""

    started_at: str
    """ISO 8601, UTC."""
    conditions: Conditions
    treatment: Treatment
    nodeids: tuple[str, ...] = ()
    """The tests that measured it: a later session that selects one of them and measures nothing is missing
    this cell."""
    replicates: dict[str, tuple[dict[str, float], ...]]
    evaluation: EvalRecord | None = None
    """Of an eval: what became of every prompt."""

    def merged(self, other: SessionEntry) -> SessionEntry:
        """Add another part of the same session; a replicate both have is the other's."""
        return other.model_copy(
            update={
                "started_at": min(self.started_at, other.started_at),
                "nodeids": tuple(sorted({*self.nodeids, *other.nodeids})),
                "replicates": {**self.replicates, **other.replicates},
            }
        )


class CellDocument(_Stored):
    """One file of a baseline."""

    schema_version: Literal["1.1"] = SCHEMA_VERSION
    cell: str
    parts: CellParts | None = None
    """Null if it was recorded before they were stored, and its name does not tell them for sure."""
    sessions: dict[str, SessionEntry]

    def merged(self, sessions: Mapping[str, SessionEntry], parts: CellParts | None = None) -> CellDocument:
        """Add sessions; those that both have are put together. `parts` are of the cell, if they are known."""
        together = dict(self.sessions)
        for name, entry in sessions.items():
            together[name] = together[name].merged(entry) if name in together else entry
        return self.model_copy(update={"sessions": together, "parts": parts or self.parts})


@dataclass(frozen=True)
class Baseline:
    """Stored sessions under a name, by cell."""

    name: str
    """As given: a name, or the path of a report."""
    cells: Mapping[str, Mapping[str, SessionEntry]]
    """Cell to session id to entry."""
    parts: Mapping[str, CellParts] = field(default_factory=dict)
    """What cells are made of, of those where that is known."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Cells of a report that did not become entries, and why."""

    @property
    def sessions(self) -> dict[str, str]:
        """Session id to when it started, the oldest first."""
        found = {session: entry.started_at for cell in self.cells.values() for session, entry in cell.items()}
        return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))

    def only(self, sessions: Collection[str]) -> Baseline:
        """Leave out all other sessions, and cells that have none of these."""
        cells = {
            cell: {session: entry for session, entry in entries.items() if session in sessions}
            for cell, entries in self.cells.items()
        }
        return replace(self, cells={cell: entries for cell, entries in cells.items() if entries})

    def joined(self, other: Baseline) -> Baseline:
        """Add the cells and sessions of another under both names; what both have is the other's."""
        cells = {cell: dict(entries) for cell, entries in self.cells.items()}
        for cell, entries in other.cells.items():
            cells.setdefault(cell, {}).update(entries)
        return Baseline(f"{self.name}, {other.name}", cells, {**self.parts, **other.parts})

    @property
    def record_command(self) -> str:
        """The command that records what is not there."""
        # A path cannot be saved under; `main` is what the manual calls the first baseline.
        named = self.name if "/" not in self.name and not self.name.endswith(".json") else "main"
        return f"pytest -m bench --bench-save={named}"

    def missing(self, nodeid: str) -> tuple[str, ...]:
        """Cells that this test measured in some session, sorted: missing if it now measures nothing."""
        return self._cells_of_tests.get(nodeid, ())

    @cached_property
    def _cells_of_tests(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, set[str]] = {}
        for cell, sessions in self.cells.items():
            for entry in sessions.values():
                for nodeid in entry.nodeids:
                    found.setdefault(nodeid, set()).add(cell)
        return {nodeid: tuple(sorted(cells)) for nodeid, cells in found.items()}


def entries_of(
    results: Iterable[ResultRecord], started_at: str, environment: EnvironmentRecord
) -> dict[str, SessionEntry]:
    """Make one session's entries, by cell. Left out is what does not describe the cell."""
    by_cell: dict[str, list[ResultRecord]] = {}
    for result in results:
        if why_left_out(result) is None:
            by_cell.setdefault(result.cell, []).append(result)
    return {
        cell: SessionEntry(
            started_at=started_at,
            conditions=conditions_of(group[0], environment),
            treatment=treatment_of(group[0], environment),
            nodeids=tuple(sorted({result.nodeid for result in group})),
            replicates=replicates_of(group),
            evaluation=group[-1].evaluation,
        )
        for cell, group in by_cell.items()
    }


def parts_by_cell(results: Iterable[ResultRecord]) -> dict[str, CellParts]:
    """Say what cells are made of."""
    return {result.cell: parts_of(result) for result in results}


def why_left_out(result: ResultRecord) -> str | None:
    """Say why a result does not describe its cell, None if it does.

    It must be valid, measured alone, and not the tried side of an A/B.
    """
    if not result.validity.valid:
        return f"invalid: {'; '.join(result.validity.reasons) or 'no reason given'}"
    if result.neighbours is not None:
        return "measured beside others"
    if result.deployment.side == "b":
        return "the tried side of an A/B"
    return None if result.runs else "nothing was measured"
