"""Two columns of a pivot at one place: what they have in common decides how they are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_llmbench.baselines.comparability import mismatches
from pytest_llmbench.baselines.deciding import by_statistics
from pytest_llmbench.baselines.inference import NOTHING_KNOWN, fit_prior, sessions, spread
from pytest_llmbench.baselines.reference import FEWEST_SESSIONS
from pytest_llmbench.baselines.sides import Pairs
from pytest_llmbench.baselines.values import average, session_value, session_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.baselines.inference import Spread
    from pytest_llmbench.baselines.judge import Rules
    from pytest_llmbench.baselines.limits import Limit
    from pytest_llmbench.baselines.model import SessionEntry
    from pytest_llmbench.baselines.values import Replicates
    from pytest_llmbench.records import MetricComparison

__all__ = ["Pair", "Pairing", "Place"]


class Place(NamedTuple):
    """What cells must have in common to be compared: everything but the axis, which is empty here."""

    model: str
    backend: str
    profile: str
    placement: str
    workload: str
    load: str

    @property
    def group(self) -> str:
        """All but workload and load, as a title."""
        return " ".join(part for part in (self.model, self.backend, self.profile, self.placement) if part)


@dataclass(frozen=True)
class Pair:
    """Two columns at one place: B against A, by metric. `problem` says why there are no comparisons."""

    place: Place
    a: str
    b: str
    comparisons: Mapping[str, MetricComparison]
    rule: Literal["sessions", "pairs", "threshold"] = "threshold"
    count: int = 1
    """Sessions of the side with fewer, or pairs."""
    starts: bool = False
    """Pairs are starts of one session, not sessions."""
    problem: str = ""


class Pairing:
    """Compares two columns at a place, by the strongest of what they have in common.

    Sessions that measured both are pairs; else sessions of one are held against those of the other; else,
    within sessions that measured both, starts of the same number are pairs.
    """

    def __init__(self, sides: Mapping[tuple[Place, str], Mapping[str, SessionEntry]], rules: Rules) -> None:
        self._sides, self._rules = sides, rules
        self._priors: dict[str, Spread] = {}
        self._paired: dict[tuple[str, str, bool], Pairs] = {}

    def values(self, entries: Mapping[str, SessionEntry]) -> dict[str, float]:
        """Value of every statistic, all sessions together."""
        found = [session_values(entry.replicates) for entry in entries.values()]
        names = dict.fromkeys(name for values in found for name in values)
        return {name: average(name, [values[name] for values in found if name in values]) for name in names}

    def pair(self, place: Place, a: str, b: str) -> Pair:
        """Compare column B with column A at a place."""
        before, now = self._sides[place, a], self._sides[place, b]
        facts = mismatches(next(iter(before.values())).conditions, next(iter(now.values())).conditions)
        if facts and not self._rules.allow_mismatch:
            told = "; ".join(facts).replace("in the baseline", f"for {a}").replace("now", f"for {b}")
            return Pair(place, a, b, {}, problem=told)
        common = before.keys() & now.keys()
        if len(common) >= FEWEST_SESSIONS:
            return self._by_pairs(place, a, b, starts=False)
        if max(len(before), len(now)) >= FEWEST_SESSIONS:
            comparisons = {limit.key: self._by_sessions(limit, before, now) for limit in self._rules.limits}
            known = {key: found for key, found in comparisons.items() if found is not None}
            return Pair(place, a, b, known, rule="sessions", count=min(len(before), len(now)))
        return self._by_pairs(place, a, b, starts=True)

    def _by_pairs(self, place: Place, a: str, b: str, *, starts: bool) -> Pair:
        key = (a, b, starts)
        if key not in self._paired:
            self._paired[key] = self._gathered(a, b, starts=starts)
        verdict = self._paired[key].judge(_name(place), self._rules)
        before, now = (_parts(self._sides[place, column], starts=starts) for column in (a, b))
        comparisons = {found.metric: found for found in verdict.comparisons}
        paired = any(found.rule == "pairs" for found in verdict.comparisons)
        rule: Literal["pairs", "threshold"] = "pairs" if paired else "threshold"
        count = len(before.keys() & now.keys())
        return Pair(place, a, b, comparisons, rule=rule, count=count, starts=starts)

    def _gathered(self, a: str, b: str, *, starts: bool) -> Pairs:
        """All places of two columns together, so that their spreads moderate each other."""
        gathered = Pairs(f"{b} against {a}")
        for place in dict.fromkeys(place for place, _ in self._sides):
            for side, column in (("a", a), ("b", b)):
                if (entries := self._sides.get((place, column))) is not None:
                    gathered.set(_name(place), side, _parts(entries, starts=starts))
        return gathered

    def _by_sessions(
        self, limit: Limit, before: Mapping[str, SessionEntry], now: Mapping[str, SessionEntry]
    ) -> MetricComparison | None:
        logs = [_logs(entries, limit.key) for entries in (before, now)]
        within = spread([group for group in logs if group]).moderated(self._prior(limit.key))
        if not all(logs) or not within.df:
            return None
        usual = math.exp(math.fsum(logs[0]) / len(logs[0]))
        estimate = sessions(logs[0], [[value] for value in logs[1]], within)
        return by_statistics(limit, estimate, usual, alpha=self._rules.alpha_each, rule="sessions")

    def _prior(self, key: str) -> Spread:
        if key not in self._priors:
            groups = [_logs(entries, key) for entries in self._sides.values()]
            self._priors[key] = fit_prior(spread([group]) if group else NOTHING_KNOWN for group in groups)
        return self._priors[key]


def _name(place: Place) -> str:
    return "/".join(place)


def _logs(entries: Mapping[str, SessionEntry], key: str) -> list[float]:
    values = [session_value(entry.replicates, key) for entry in entries.values()]
    return [math.log(value) for value in values if value]


def _parts(entries: Mapping[str, SessionEntry], *, starts: bool) -> Replicates:
    """Name what can stand beside the same of another column: sessions, or starts within sessions."""
    if starts:
        return {
            f"{session} {number}": runs
            for session, entry in entries.items()
            for number, runs in entry.replicates.items()
        }
    return {session: (session_values(entry.replicates),) for session, entry in entries.items()}
