"""Cells beside each other across an axis (backend, version, profile, model): ratios and how sure they are.

Pure functions, over baselines and over reports as baselines of one session. The estimates are the gate's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Literal, get_args

from pytest_llmbench.baselines.comparing import newest
from pytest_llmbench.baselines.crossover import Level, crossings
from pytest_llmbench.baselines.pairing import Pairing, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_llmbench.baselines.crossover import Crossing
    from pytest_llmbench.baselines.judge import Rules
    from pytest_llmbench.baselines.model import Baseline, SessionEntry
    from pytest_llmbench.baselines.pairing import Pair
    from pytest_llmbench.baselines.parts import CellParts

__all__ = ["AXES", "Axis", "Pivot", "Series", "pivot"]

Axis = Literal["backend", "version", "profile", "model"]
AXES: tuple[Axis, ...] = get_args(Axis)
NO_PROFILE = "plain"
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Series:
    """One metric of two columns over the loads of a workload, and where their lines cross."""

    group: str
    workload: str
    a: str
    b: str
    metric: str
    levels: tuple[Level, ...]
    crossings: tuple[Crossing, ...]


@dataclass(frozen=True)
class Pivot:
    """Everything that is told: values of every column at every place, and each pair of columns."""

    axis: Axis
    columns: tuple[str, ...]
    places: tuple[Place, ...]
    concurrency: Mapping[Place, int | None]
    values: Mapping[tuple[Place, str], Mapping[str, float]]
    pairs: tuple[Pair, ...]
    unknown: tuple[str, ...]
    """Cells that were recorded before their parts were."""

    def lines(self, metric: str) -> tuple[Series, ...]:
        """Follow a metric over the loads of each workload, for each pair of columns."""
        found: dict[tuple[str, str, str, str], list[Level]] = {}
        for pair in self.pairs:
            streams, one = self.concurrency[pair.place], pair.comparisons.get(metric)
            if streams and one is not None and one.change is not None and one.change > -1:
                bounds = [None if end is None else math.log1p(end) for end in (one.low, one.high)]
                where = pair.place.group, pair.place.workload, pair.a, pair.b
                found.setdefault(where, []).append(Level(streams, math.log1p(one.change), *bounds))
        return tuple(
            Series(*where, metric, tuple(levels), crossings(levels)) for where, levels in found.items()
        )

    def alone(self) -> dict[Place, tuple[str, ...]]:
        """Places that some column has and another lacks, with those that have them."""
        found = {
            place: tuple(column for column in self.columns if (place, column) in self.values)
            for place in self.places
        }
        return {place: having for place, having in found.items() if len(having) < len(self.columns)}


def pivot(baselines: Iterable[Baseline], axis: Axis, rules: Rules) -> Pivot:
    """Put cells beside each other. `rules.alpha` is the whole's and is shared by all pairs."""
    measured: dict[tuple[Place, str], dict[str, SessionEntry]] = {}
    concurrency: dict[Place, int | None] = {}
    unknown: list[str] = []
    for baseline in baselines:
        for cell, entries in baseline.cells.items():
            parts = baseline.parts.get(cell)
            if parts is None:
                unknown.append(cell)
                continue
            for session, entry in entries.items():
                if entry.evaluation is None:
                    place, column = _placed(parts, entry, axis)
                    measured.setdefault((place, column), {})[session] = entry
                    concurrency[place] = parts.concurrency
    sides = {where: newest(entries) for where, entries in measured.items()}
    places = tuple(sorted(concurrency, key=lambda place: _order(place, concurrency[place])))
    columns = tuple(dict.fromkeys(column for _, column in sides))
    couples = [
        (place, a, b)
        for place in places
        for a, b in combinations(columns, 2)
        if (place, a) in sides and (place, b) in sides
    ]
    judged = Pairing(sides, replace(rules, alpha=rules.alpha / max(1, len(couples))))
    return Pivot(
        axis=axis,
        columns=columns,
        places=places,
        concurrency=concurrency,
        values={where: judged.values(entries) for where, entries in sides.items()},
        pairs=tuple(judged.pair(*couple) for couple in couples),
        unknown=tuple(sorted(set(unknown))),
    )


def _order(place: Place, concurrency: int | None) -> tuple[str, str, int, str]:
    return place.group, place.workload, concurrency or 0, place.load


def _placed(parts: CellParts, entry: SessionEntry, axis: Axis) -> tuple[Place, str]:
    named = f"{parts.backend} {parts.version}" if parts.version else parts.backend
    profile = parts.profile or NO_PROFILE
    version = entry.treatment.version or parts.version or _UNKNOWN
    column = {"backend": named, "version": version, "profile": profile, "model": parts.model}[axis]
    return (
        Place(
            model="" if axis == "model" else parts.model,
            # Of two engines no two versions are the same, and across versions they are the axis.
            backend={"backend": "", "version": parts.backend}.get(axis, named),
            profile="" if axis == "profile" or not parts.profile else profile,
            placement=parts.placement,
            workload=parts.workload,
            load=parts.load,
        ),
        column,
    )
