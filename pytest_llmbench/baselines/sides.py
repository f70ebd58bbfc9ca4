"""Two sides measured in one session, start by start: what both have in common cancels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.deciding import by_statistics, by_threshold, too_few_requests
from pytest_llmbench.baselines.inference import fit_prior, pairs, spread
from pytest_llmbench.baselines.judge import verdict_of_cell
from pytest_llmbench.baselines.reference import FEWEST_SESSIONS
from pytest_llmbench.baselines.values import session_value, start_values

if TYPE_CHECKING:
    from pytest_llmbench.baselines.inference import Spread
    from pytest_llmbench.baselines.judge import Rules
    from pytest_llmbench.baselines.limits import Limit
    from pytest_llmbench.baselines.values import Replicates
    from pytest_llmbench.records import MetricComparison, VerdictRecord

__all__ = ["Pairs"]


class Pairs:
    """What a session has measured of both sides so far, by cell.

    A pair is the replicate of the same number on both sides. `name` is what the sides differ in. The spread
    of all cells moderates that of one; cells that come later count with the pairs that they have by then.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._cells: dict[str, dict[str, Replicates]] = {}
        self._spreads: dict[tuple[str, str], Spread] = {}

    def set(self, cell: str, side: str, replicates: Replicates) -> None:
        """Take all that was measured of one side (`a` or `b`) of a cell, instead of what was known."""
        self._cells.setdefault(cell, {"a": {}, "b": {}})[side] = replicates
        self._spreads = {key: known for key, known in self._spreads.items() if key[0] != cell}

    def judge(self, cell: str, rules: Rules) -> VerdictRecord:
        """Judge side B of a cell against side A. With fewer than three pairs the change alone decides."""
        sides = self._cells[cell]
        comparisons: list[MetricComparison] = []
        lost: list[str] = []
        for limit in rules.limits:
            before, now = session_value(sides["a"], limit.key), session_value(sides["b"], limit.key)
            if before is not None and now is None:
                lost.append(limit.key)
            elif before is not None and now is not None:
                advisory = too_few_requests(limit, (sides["a"], sides["b"]))
                comparison = self._compare(cell, limit, before, now, rules)
                comparisons.append(comparison.model_copy(update={"advisory": advisory}))
        return verdict_of_cell(comparisons, lost, rules, baseline=self.name, baseline_sessions=1)

    def _compare(self, cell: str, limit: Limit, before: float, now: float, rules: Rules) -> MetricComparison:
        a, b = self._cells[cell]["a"], self._cells[cell]["b"]
        differences = _differences(a, b, limit.key)
        if limit.absolute or min(before, now) <= 0 or len(differences) < FEWEST_SESSIONS:
            return by_threshold(limit, list(start_values(a, limit.key).values()), now)
        prior = fit_prior(self._spread(other, limit.key) for other in self._cells)
        within = self._spread(cell, limit.key).moderated(prior)
        estimate = pairs(differences, within)
        return by_statistics(limit, estimate, before, alpha=rules.alpha_each, rule="pairs")

    def _spread(self, cell: str, key: str) -> Spread:
        if (cell, key) not in self._spreads:
            found = _differences(self._cells[cell]["a"], self._cells[cell]["b"], key)
            self._spreads[cell, key] = spread([found] if found else [])
        return self._spreads[cell, key]


def _differences(a: Replicates, b: Replicates, key: str) -> list[float]:
    """Logarithms of B / A, pair by pair; a pair without both values, or with a zero, is left out."""
    before, now = start_values(a, key), start_values(b, key)
    return [
        math.log(now[number] / before[number])
        for number in sorted(before.keys() & now.keys())
        if before[number] and now[number]
    ]
