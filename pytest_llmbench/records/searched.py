"""What a search of the highest load found."""

from __future__ import annotations

from typing import Literal

from pytest_llmbench.records.base import Record

__all__ = ["ProbeRecord", "SearchRecord"]


class ProbeRecord(Record):
    """One load of a search, and what it came to; `metrics` are those of the service levels."""

    load: float
    met: bool
    valid: bool
    metrics: dict[str, float]
    reasons: tuple[str, ...] = ()


class SearchRecord(Record):
    """The search of the highest load that meets the service levels.

    `best` is null if none did. `stop` is why it ended: a failing load is within the `resolution`, the `high`
    end of the range did it, `none` did, or the `probes` were used up. The curve is in the order of its walk.
    """

    by: Literal["concurrency", "rate"]
    slos: tuple[str, ...]
    best: float | None
    stop: Literal["resolution", "high", "none", "probes"]
    curve: tuple[ProbeRecord, ...]
    notes: tuple[str, ...] = ()
