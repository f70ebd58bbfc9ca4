"""The loads that a search tried, as a picture: how far each was from the service level that ended it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.slo import parse_slos
from pytest_llmbench.reports.tables import STYLES, Cell, Column, Group, decimals, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pytest_llmbench.metrics.slo import Slo
    from pytest_llmbench.records import ProbeRecord, SearchRecord

__all__ = ["capacity_curve"]

_BAR = "\N{FULL BLOCK}"
_BOUND = "\N{BOX DRAWINGS LIGHT VERTICAL}"
_LONGEST, _SHORTEST = 36, 12
_WORDS = len(" not met")
_UNITS = {"s": ("ms", 1000.0), "ratio": ("%", 100.0)}


def capacity_curve(found: SearchRecord, title: str, width: int) -> list[RenderableType]:
    """Lay out a row for each load, lowest first, with the values of the service levels.

    Beside them is a bar of the one that was nearest to its bound, which is a line across the bars. Nothing
    where a single load was tried.
    """
    probes = sorted(found.curve, key=lambda probe: probe.load)
    if len(probes) < 2:  # noqa: PLR2004 - one point is no curve
        return []
    slos = parse_slos(",".join(found.slos))
    columns = [
        Column(("", "req/s" if found.by == "rate" else "streams"), [Cell(f"{p.load:.4g}") for p in probes]),
        *(_column(slo, probes) for slo in slos),
    ]
    tightest = max(slos, key=lambda slo: max(_strain(slo, probe) for probe in probes))
    room = width - sum(column.width + 2 for column in columns) - 4 - _WORDS
    if room >= max(_SHORTEST, len(str(tightest))):
        columns.append(_bars(tightest, probes, min(room, _LONGEST)))
    return grouped(columns, [Group(title, "", len(probes))], width)


def _column(slo: Slo, probes: Sequence[ProbeRecord]) -> Column:
    unit, factor = _UNITS.get(METRICS[slo.metric].unit, (METRICS[slo.metric].unit, 1.0))
    values = [probe.metrics.get(slo.key) for probe in probes]
    cells = decimals([None if value is None else value * factor for value in values])
    styled = [
        cell if value is None or slo.holds(value) else Cell(cell.text, STYLES["regressed"])
        for cell, value in zip(cells, values, strict=True)
    ]
    return Column((slo.key, unit), styled)


def _strain(slo: Slo, probe: ProbeRecord) -> float:
    """How much of what a service level allows was used: above 1 it was not met."""
    value = probe.metrics.get(slo.key)
    if value is None or slo.bound == 0 or not probe.valid:
        return 0.0
    if METRICS[slo.metric].direction == "higher":
        return slo.bound / value if value else 2.0
    return value / slo.bound


def _bars(slo: Slo, probes: Sequence[ProbeRecord], longest: int) -> Column:
    """Draw bars to one scale, below what they are of; those of twice the bound and more are cut there."""
    strains = [min(_strain(slo, probe), 2.0) for probe in probes]
    scale = (longest - 1) / max(1.0, *strains)
    bound = round(scale)
    bars = []
    for strain, probe in zip(strains, probes, strict=True):
        bar = f"{_BAR * round(strain * scale):<{bound}}"
        text = f"{bar[:bound]}{_BOUND}{bar[bound:]}{_why_not(probe)}"
        bars.append(Cell(text, "" if probe.met else STYLES["regressed"]))
    return Column(("", f"{slo!s:>{bound + 1}}"), bars, left=True)


def _why_not(probe: ProbeRecord) -> str:
    if probe.met:
        return ""
    return " not met" if probe.valid else " invalid"
