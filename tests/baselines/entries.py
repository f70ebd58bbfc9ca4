"""Made-up sessions of made-up cells, as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.baselines.comparability import Conditions, Treatment
from pytest_llmbench.baselines.model import Baseline, SessionEntry
from pytest_llmbench.baselines.parts import CellParts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["HERE", "baseline_of", "entry", "parts"]

HERE = Conditions(cpu="CPU", cpu_cores=2, protocol=1)


def entry(
    *starts: Mapping[str, float], day: int = 1, version: str = "b1", conditions: Conditions = HERE
) -> SessionEntry:
    """Make a session with the values of each start."""
    return SessionEntry(
        started_at=f"2026-11-{day:02d}T03:00:00Z",
        conditions=conditions,
        treatment=Treatment(version=version),
        replicates={str(number): (dict(values),) for number, values in enumerate(starts, 1)},
    )


def parts(
    backend: str = "llama", concurrency: int | None = 1, load: str = "", **changes: str | None
) -> CellParts:
    """Make the parts of a cell of `glm` on one GPU."""
    known = CellParts(
        model="glm",
        backend=backend,
        placement="tp01.gpux01",
        workload="short",
        load=load or f"c{concurrency:03d}",
        concurrency=concurrency,
    )
    return known.model_copy(update=changes)


def baseline_of(
    cells: Sequence[tuple[CellParts, Mapping[str, SessionEntry]]], name: str = "main"
) -> Baseline:
    """Put cells together under their names."""
    named = {
        f"{of.model}.{'.'.join(filter(None, (of.backend, of.version, of.profile)))}.{of.placement}/"
        f"{of.workload}/{of.load}": (of, entries)
        for of, entries in cells
    }
    return Baseline(
        name,
        {cell: entries for cell, (_, entries) in named.items()},
        {cell: of for cell, (of, _) in named.items()},
    )
