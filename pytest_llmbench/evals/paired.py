"""Two sets of verdicts on the same prompts: is one worse? Pure functions.

Prompts that both passed or both failed tell nothing of a difference. Of those that changed, half would have
got worse if nothing but chance were at work: the exact test of McNemar (1947).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Pairing", "compare", "detectable", "mcnemar"]

_POWER = 0.8
_LEAST_DISCORDANCE = 0.01


@dataclass(frozen=True, slots=True)
class Pairing:
    """What became of the prompts that both sides have a verdict on.

    Attributes:
        count: their number.
        lost, gained: keys of those that passed on one side only, the first or the second.
        p_worse, p_better: of so many lost, or gained, or more, if only chance were at work.
        low, high: one-sided bounds of the difference, each at the level that was asked for.
    """

    count: int
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    p_worse: float
    p_better: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """Share passed by the second minus that by the first."""
        return (len(self.gained) - len(self.lost)) / self.count if self.count else 0.0

    @property
    def discordance(self) -> float:
        """Share of prompts that changed."""
        return (len(self.gained) + len(self.lost)) / self.count if self.count else 0.0


def compare(first: Mapping[str, bool], second: Mapping[str, bool], *, alpha: float) -> Pairing:
    """Compare verdicts by prompt; those that only one side has are left out."""
    both = [key for key in first if key in second]
    lost = tuple(key for key in both if first[key] and not second[key])
    gained = tuple(key for key in both if second[key] and not first[key])
    low, high = _bounds(len(lost), len(gained), len(both), alpha)
    return Pairing(
        len(both),
        lost,
        gained,
        mcnemar(len(lost), len(gained)),
        mcnemar(len(gained), len(lost)),
        low,
        high,
    )


def mcnemar(more: int, less: int) -> float:
    """Return the one-sided exact p: `more` or more of all that changed, were it as likely either way."""
    changed = more + less
    return float(sum(math.comb(changed, count) for count in range(more, changed + 1)) / 2**changed)


def _bounds(lost: int, gained: int, count: int, alpha: float) -> tuple[float, float]:
    """Return one-sided bounds of the difference of paired shares, after Agresti and Min (2005).

    Wald's interval with half a prompt added to each of the four outcomes: it holds its level from a dozen
    prompts on, and has a width even where nothing changed.
    """
    if not count:
        return -1.0, 1.0
    total = count + 2
    middle = (gained - lost) / total
    half = NormalDist().inv_cdf(1 - alpha) * math.sqrt((gained + lost + 1) - (gained - lost) ** 2 / total)
    return max(-1.0, middle - half / total), min(1.0, middle + half / total)


def detectable(count: int, discordance: float, *, alpha: float) -> float:
    """Return the smallest true loss that the test finds four times in five, as a share of prompts.

    With the share of prompts that changed, but not less than 1 %: a server that computes its replies another
    way changes some. By the normal approximation; at most 1.
    """
    if not count:
        return 1.0
    normal = NormalDist()
    share = max(discordance, _LEAST_DISCORDANCE)
    wanted = normal.inv_cdf(1 - alpha) + normal.inv_cdf(_POWER)
    # A loss cannot be larger than the share that changes: where it would have to be, the share grows with it.
    loss = wanted * math.sqrt(share / count)
    return min(1.0, loss if loss <= share else wanted * wanted / count)
