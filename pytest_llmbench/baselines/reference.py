"""What a baseline knows before anything is judged: values of its sessions, and how much such values vary."""

from __future__ import annotations

import math
from statistics import fmean, median
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.inference import NOTHING_KNOWN, fit_prior, outliers, spread
from pytest_llmbench.baselines.limits import DEFAULT_DELTA
from pytest_llmbench.baselines.values import session_value, start_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_llmbench.baselines.comparability import Conditions
    from pytest_llmbench.baselines.inference import Spread
    from pytest_llmbench.baselines.model import Baseline, SessionEntry
    from pytest_llmbench.baselines.values import Replicates

__all__ = ["FEWEST_SESSIONS", "Reference"]

FEWEST_SESSIONS = 3
_REQUESTS = "e2e.count"
_NEGLIGIBLE = 0.05
"""Of the noise of starts: a few requests that failed are no reason to be less sure."""
_FEWEST_TO_DOUBT = 5
"""Sessions for each that may be set aside: of fewer nobody can tell which is the odd one."""


class Reference:
    """A baseline, ready to be compared with.

    The spread of sessions is fitted over all cells of the baseline for each metric. That needs nothing of
    the session that is judged, so every test is judged by the same prior, whichever comes first and on
    whichever of xdist's workers it runs.

    A session that is far from the others in most cells is set aside: it would say that sessions differ by
    as much as that, and hide every regression.
    """

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self._priors: dict[str, Spread] = {}
        self._starts: dict[str, Spread] = {}
        self._off: dict[str, dict[tuple[str, Conditions], float]] = {}
        # By identity: the baseline keeps its entries, and comparing them takes longer than judging.
        self._values: dict[tuple[int, str], float | None] = {}
        self._groups: dict[tuple[int, ...], list[list[SessionEntry]]] = {}
        self._logarithms: dict[tuple[str, tuple[int, ...]], list[list[tuple[SessionEntry, float]]]] = {}
        self._sessions = {
            id(entry): session for entries in baseline.cells.values() for session, entry in entries.items()
        }

    def value(self, entry: SessionEntry, key: str) -> float | None:
        """Value of a stored session for one statistic, None if it has none; worked out once."""
        place = (id(entry), key)
        if place not in self._values:
            self._values[place] = session_value(entry.replicates, key)
        return self._values[place]

    def session(self, entry: SessionEntry) -> str:
        """Id of the session that an entry of the baseline is of."""
        return self._sessions[id(entry)]

    def off(self, entry: SessionEntry, key: str) -> float | None:
        """By how much an entry's session is off in this statistic and set aside, as a fraction; else None.

        Of five sessions at most one, of ten two; only by what is no chance among them, and by the change that
        matters.
        """
        found = self._shifts(key)
        shift = found.get((self.session(entry), entry.conditions)) if found else None
        return math.expm1(shift) if shift else None

    def prior(self, key: str) -> Spread:
        """What all cells say about the variance of one of them, for the logarithms of this statistic."""
        if key not in self._priors:
            cells = (list(entries.values()) for entries in self.baseline.cells.values())
            self._priors[key] = fit_prior(spread(self._alike(entries, key)) for entries in cells)
        return self._priors[key]

    def spread(self, entries: Sequence[SessionEntry], key: str) -> Spread:
        """Moderated variance of the logarithm of a session's value, from the entries of one cell.

        Nothing is known (`df` 0) unless some treatment has three sessions. Older treatments count: the
        sessions of one differ by noise, however fast they were.
        """
        groups = self._alike(entries, key)
        if max(map(len, groups), default=0) < FEWEST_SESSIONS:
            return NOTHING_KNOWN
        return spread(groups).moderated(self.prior(key))

    def fewer(self, entries: Sequence[SessionEntry], key: str, measured: Sequence[Replicates]) -> Spread:
        """Variance of measured sessions beyond that of these, of one cell, for fewer starts or requests.

        A start of half as many requests counts as half a start, as if all its noise were that of requests.
        Nothing is taken off for more: the noise between sessions could be all there is.
        """
        share = fmean(1 / max(1, len(entry.replicates)) for entry in entries)
        asked = [
            count / len(entry.replicates) for entry in entries if (count := self.value(entry, _REQUESTS))
        ]
        usual = fmean(asked) if asked else 0.0
        more = fmean(_share(one, key, usual) for one in measured if start_values(one, key)) - share
        if more < _NEGLIGIBLE * share:
            return NOTHING_KNOWN
        if key not in self._starts:
            cells = self.baseline.cells.values()
            self._starts[key] = fit_prior(_between_starts(cell.values(), key) for cell in cells)
        starts = _between_starts(entries, key).moderated(self._starts[key])
        # Sessions of one start do not tell how much of their noise is that of starts: all of it at most.
        return (starts if starts.df else self.spread(entries, key)).times(more)

    def _alike(self, entries: Sequence[SessionEntry], key: str) -> list[list[float]]:
        """Logarithms of values, those of the same treatment and conditions together, none of zeros.

        Without sessions that are set aside.
        """
        found = self._logs(entries, key)
        if self._shifts(key):
            found = [[one for one in logs if self.off(one[0], key) is None] for logs in found]
        return [[value for _, value in logs] for logs in found if logs]

    def _logs(self, entries: Sequence[SessionEntry], key: str) -> list[list[tuple[SessionEntry, float]]]:
        place = tuple(map(id, entries))
        if (key, place) not in self._logarithms:
            if place not in self._groups:
                self._groups[place] = _grouped(entries)
            self._logarithms[key, place] = [
                [(entry, math.log(value)) for entry in group if (value := self.value(entry, key))]
                for group in self._groups[place]
            ]
        return self._logarithms[key, place]

    def _shifts(self, key: str) -> dict[tuple[str, Conditions], float]:
        if key not in self._off:
            self._off[key] = self._set_aside(key)
        return self._off[key]

    def _set_aside(self, key: str) -> dict[tuple[str, Conditions], float]:
        """Find sessions that are off in most cells: session and conditions to the shift of the logarithm."""
        shifts: dict[Conditions, dict[str, list[float]]] = {}
        for entries in self.baseline.cells.values():
            for logs in self._logs(list(entries.values()), key):
                if len(logs) >= FEWEST_SESSIONS:
                    of = shifts.setdefault(logs[0][0].conditions, {})
                    middle = median(value for _, value in logs)
                    for entry, value in logs:
                        of.setdefault(self.session(entry), []).append(value - middle)
        return {
            (session, conditions): shift
            for conditions, by_session in shifts.items()
            for session, shift in _strangers(by_session)
        }


def _strangers(shifts: Mapping[str, Sequence[float]]) -> Iterator[tuple[str, float]]:
    """From each session's shifts, one a cell, to the sessions that are off, and by how much."""
    most = max(map(len, shifts.values()))
    # One that measured few of the cells is more scattered than others by that alone.
    usual = {session: median(found) for session, found in shifts.items() if 2 * len(found) >= most}
    middle = median(usual.values())
    for session in outliers(usual, len(usual) // _FEWEST_TO_DOUBT):
        shift = usual[session] - middle
        if abs(shift) >= math.log1p(DEFAULT_DELTA):
            yield session, shift


def _share(replicates: Replicates, key: str, usual: float) -> float:
    """1 / number of starts, where starts of fewer than the `usual` requests count as less than one."""
    asked = start_values(replicates, _REQUESTS)
    worth = min(1.0, fmean(asked.values()) / usual) if asked and usual else 1.0
    return 1 / (len(start_values(replicates, key)) * worth)


def _between_starts(entries: Iterable[SessionEntry], key: str) -> Spread:
    """Pooled variance of the logarithms of starts within their sessions."""
    sessions = [start_values(entry.replicates, key).values() for entry in entries]
    return spread([[math.log(value) for value in starts if value > 0] for starts in sessions if any(starts)])


def _grouped(entries: Iterable[SessionEntry]) -> list[list[SessionEntry]]:
    groups: list[list[SessionEntry]] = []
    for entry in entries:
        for group in groups:
            if group[0].treatment == entry.treatment and group[0].conditions == entry.conditions:
                group.append(entry)
                break
        else:
            groups.append([entry])
    return groups
