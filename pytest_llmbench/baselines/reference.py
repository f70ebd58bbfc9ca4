"""What a baseline knows before anything is judged: values of its sessions, and how much such values vary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.inference import NOTHING_KNOWN, fit_prior, spread
from pytest_llmbench.baselines.values import session_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.baselines.inference import Spread
    from pytest_llmbench.baselines.model import Baseline, SessionEntry

__all__ = ["FEWEST_SESSIONS", "Reference"]

FEWEST_SESSIONS = 3


class Reference:
    """A baseline, ready to be compared with.

    The spread of sessions is fitted over all cells of the baseline for each metric. That needs nothing of
    the session that is judged, so every test is judged by the same prior, whichever comes first and on
    whichever of xdist's workers it runs.
    """

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self._priors: dict[str, Spread] = {}
        # By identity: the baseline keeps its entries, and comparing them takes longer than judging.
        self._values: dict[tuple[int, str], float | None] = {}
        self._groups: dict[tuple[int, ...], list[list[SessionEntry]]] = {}

    def value(self, entry: SessionEntry, key: str) -> float | None:
        """Value of a stored session for one statistic, None if it has none; worked out once."""
        place = (id(entry), key)
        if place not in self._values:
            self._values[place] = session_value(entry.replicates, key)
        return self._values[place]

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

    def _alike(self, entries: Sequence[SessionEntry], key: str) -> list[list[float]]:
        """Logarithms of values, those of the same treatment and conditions together; none of zeros."""
        place = tuple(map(id, entries))
        if place not in self._groups:
            self._groups[place] = _grouped(entries)
        found = [[self.value(entry, key) for entry in group] for group in self._groups[place]]
        logs = [[math.log(value) for value in group if value] for group in found]
        return [group for group in logs if group]


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
