"""Which results a table shows, in which order, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmbench.records import ResultRecord, VerdictName, VerdictRecord

__all__ = ["JudgedCell", "by_deployment", "judged_cells", "last_replicates", "verdict_of"]


@dataclass(frozen=True, slots=True)
class JudgedCell:
    """A cell and what a comparison said of it. `concurrency` is of a closed loop; `side` tells an A/B."""

    cell: str
    deployment: str
    workload: str
    load: str
    concurrency: int | None
    verdict: VerdictRecord
    side: str = ""


def judged_cells(results: Iterable[ResultRecord]) -> list[JudgedCell]:
    """Take the cells of a session that carry a verdict: with the last replicate, and not of an A/B's side A.

    A result that is invalid is so whatever its comparison says.
    """
    return [
        JudgedCell(
            cell=result.cell,
            deployment=result.deployment.id,
            workload=result.workload.id,
            load=result.load.id,
            concurrency=result.load.concurrency if result.load.kind == "closed" else None,
            verdict=result.verdict.model_copy(update={"verdict": verdict_of(result)}),
            side=result.deployment.side,
        )
        for result in last_replicates(results)
        if result.deployment.side != "a"
    ]


def verdict_of(result: ResultRecord) -> VerdictName:
    """Say what came of a result: `invalid` before anything a comparison says."""
    return result.verdict.verdict if result.validity.valid else "invalid"


def last_replicates(results: Iterable[ResultRecord]) -> list[ResultRecord]:
    """Keep the results that carry a cell's verdict: replicates are judged together, with the last."""
    results = list(results)
    last: dict[str, int] = {}
    for result in results:
        last[result.cell] = max(result.replicate, last.get(result.cell, 0))
    return [result for result in results if result.replicate == last[result.cell]]


def by_deployment(results: Iterable[ResultRecord]) -> dict[str, list[ResultRecord]]:
    """Sort results into deployments and these into cells, both in the order first met."""
    groups: dict[str, dict[str, list[ResultRecord]]] = {}
    for result in results:
        groups.setdefault(result.deployment.id, {}).setdefault(result.cell, []).append(result)
    return {name: [result for cell in cells.values() for result in cell] for name, cells in groups.items()}
