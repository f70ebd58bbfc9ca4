"""The noise of a machine, at the terminal and for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pytest_llmbench.baselines.distributions import wilson
from pytest_llmbench.baselines.limits import Limit
from pytest_llmbench.baselines.sight import PAIRS, SESSIONS
from pytest_llmbench.counting import counted
from pytest_llmbench.reports.comparison_table import metric_name
from pytest_llmbench.reports.lines import Names, fold
from pytest_llmbench.reports.rendering import render
from pytest_llmbench.reports.results_table import load_column
from pytest_llmbench.reports.tables import NOTHING, Cell, Column, Group, grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pytest_llmbench.baselines.components import Component
    from pytest_llmbench.baselines.model import Baseline
    from pytest_llmbench.baselines.noise import Alarms, CellNoise
    from pytest_llmbench.baselines.sight import Sight

__all__ = ["Noise"]

_FEW = 10


@dataclass(frozen=True)
class Noise:
    """All that sessions of the same have told."""

    baseline: Baseline
    cells: tuple[CellNoise, ...]
    sights: tuple[Sight, ...]
    alpha: float
    """The share of one metric of one cell."""
    alarms: Alarms | None

    def limits(self) -> str:
        """Write the sensible δ as `--bench-compare-fail` takes it."""
        limits = [Limit(*_split(sight.metric), sight.delta) for sight in self.sights]
        return ",".join(map(str, limits))

    def document(self) -> dict[str, Any]:
        """Tell programs: coefficients of variation and effects are fractions, bounds 5 % each."""
        return {
            "schema_version": "1.0",
            "baseline": self.baseline.name,
            "sessions": self.baseline.sessions,
            "alpha": self.alpha,
            "cells": [
                {
                    "cell": one.cell,
                    "metric": one.metric,
                    "sessions": one.sessions,
                    "replicates": one.replicates,
                    "value": one.value,
                    "request_cv": one.requests,
                    "replicate_cv": one.parts.replicate and asdict(one.parts.replicate),
                    "session_cv": one.parts.session and asdict(one.parts.session),
                    "value_cv": asdict(one.parts.value),
                }
                for one in self.cells
            ],
            "detectable": [
                {
                    "metric": sight.metric,
                    "value_cv": sight.noise,
                    "by_sessions": {str(count): seen for count, seen in sight.by_sessions.items()},
                    "by_pairs": {str(count): seen for count, seen in sight.by_pairs.items()},
                    "delta": sight.delta,
                }
                for sight in self.sights
            ],
            "false_alarms": self.alarms and asdict(self.alarms),
            "compare_fail": self.limits(),
        }

    def render(self, *, width: int = 80, color: bool = False) -> str:
        """Render as text that ends in a newline; the option, which is there to be copied, is not folded."""
        sessions, counts = len(self.baseline.sessions), {one.replicates for one in self.cells}
        span = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else str(*counts)
        of = f"{counted(sessions, 'session')} of {span} replicate{'s' * (counts != {1})}"
        title = f"noise of {self.baseline.name!r}: {of}"
        what = "coefficients of variation in %, 90 % sure to lie within the brackets"
        seen = f"{self.alpha:.2g}"
        sections: list[list[RenderableType]] = [
            [*_lines([title], width, "bold"), *_lines([what], width, "dim"), *self._cells(width)],
            [
                *_lines([f"found four times in five, from so many % on (alpha {seen})"], width, "bold"),
                *_lines(["one session against so many, or an A/B of so many replicates"], width, "dim"),
                *self._sights(width),
            ],
            [
                *_lines([*self._alarms(), "a sensible gate:"], width),
                Text(f"  --bench-compare-fail={self.limits()}"),
            ],
        ]
        return "\n".join(render(parts, width=width, color=color) for parts in sections)

    def _cells(self, width: int) -> list[RenderableType]:
        by_deployment: dict[str, dict[str, list[CellNoise]]] = {}
        for one in self.cells:
            cells = by_deployment.setdefault(Names.deployment(one.cell), {})
            cells.setdefault(one.cell, []).append(one)
        groups = {
            name: [one for cell in cells.values() for one in cell] for name, cells in by_deployment.items()
        }
        rows = [one for group in groups.values() for one in group]
        again = [bool(n) and rows[n - 1].cell == one.cell for n, one in enumerate(rows)]
        parts = [self.baseline.parts.get(one.cell) for one in rows]
        named = [Names.short(one.cell).rpartition(" ") for one in rows]
        workloads = [Cell(name[0]) for name in named]
        streams = [known.concurrency if known else None for known in parts]
        loads = load_column([name[2] for name in named], streams)
        columns = [
            Column(("", "workload"), _once(workloads, again), left=True),
            Column(loads.head, _once(loads.cells, again), left=loads.left),
            Column(("", "metric"), [Cell(metric_name(one.metric)) for one in rows], left=True),
            Column(("", "request"), [Cell(_percent(one.requests)) for one in rows]),
            Column(("", "replicate"), [Cell(_component(one.parts.replicate)) for one in rows]),
            Column(("", "session"), [Cell(_component(one.parts.session)) for one in rows]),
            Column(("", "value"), [Cell(_percent(one.parts.value.cv)) for one in rows]),
        ]
        return grouped(columns, [Group(name, "", len(group)) for name, group in groups.items()], width)

    def _sights(self, width: int) -> list[RenderableType]:
        paired = [sight.by_pairs for sight in self.sights]
        columns = [
            Column(("", "metric"), [Cell(metric_name(sight.metric)) for sight in self.sights], left=True),
            Column(("", "noise"), [Cell(_percent(sight.noise)) for sight in self.sights]),
            *(
                Column(
                    ("sessions" if count == SESSIONS[0] else "", str(count)),
                    [Cell(_percent(sight.by_sessions[count])) for sight in self.sights],
                )
                for count in SESSIONS
            ),
            *(
                Column(
                    ("pairs" if count == PAIRS[0] else "", str(count)),
                    [Cell(_percent(pairs.get(count))) for pairs in paired],
                )
                for count in PAIRS
            ),
            Column(("sensible", "delta"), [Cell(_percent(sight.delta)) for sight in self.sights]),
        ]
        return grouped(columns, [Group("", "", len(self.sights))], width)

    def _alarms(self) -> list[str]:
        if self.alarms is None:
            return ["false alarms: not known, it takes four sessions to hold each against three others"]
        failed, sessions = len(self.alarms.failed), self.alarms.sessions
        low, high = wilson(failed, sessions)
        which = f" ({', '.join(self.alarms.failed)})" if failed else ""
        told = f"false alarms: {failed} of {sessions} sessions{which} would have failed against the others;"
        verdicts = f"verdicts on {counted(self.alarms.cells, 'cell')}: {self.alarms.regressed} regressed,"
        return [
            f"{told} meant are 5 %, and these say {low * 100:.0f} to {high * 100:.0f} %",
            f"{verdicts} {self.alarms.improved} improved, though nothing has changed",
        ]


def _split(key: str) -> tuple[str, str | None]:
    metric, _, stat = key.partition(".")
    return metric, stat or None


def _lines(texts: Sequence[str], width: int, style: str = "") -> list[Text]:
    return [Text(line, style) for text in texts for line in fold(text, width)]


def _once(cells: Sequence[Cell], again: Sequence[bool]) -> list[Cell]:
    return [Cell("") if repeated else cell for cell, repeated in zip(cells, again, strict=True)]


def _percent(fraction: float | None) -> str:
    if fraction is None:
        return NOTHING
    return f"{fraction * 100:.1f}" if fraction * 100 < _FEW else f"{fraction * 100:.0f}"


def _component(one: Component | None) -> str:
    if one is None:
        return NOTHING
    return f"{_percent(one.cv)} ({_percent(one.low)}-{_percent(one.high)})"
