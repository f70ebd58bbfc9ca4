"""What a server says about itself in Prometheus' text format, over a window: differences of two looks."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from pytest_llmbench.metrics.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.backends.base import MetricNames

__all__ = ["Difference", "Page", "difference", "parse_page", "scrape"]

_SAMPLE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
_BOUND = re.compile(r'(?:^|,)le="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Page:
    """One look: counters and gauges by name, labels added up, and histograms."""

    values: Mapping[str, float]
    histograms: Mapping[str, Histogram]


@dataclass(frozen=True, slots=True)
class Difference:
    """What happened between two looks, as metrics of the registry."""

    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    scalars: Mapping[str, float] = field(default_factory=dict)


def scrape(http: httpx.Client, path: str) -> Page | None:
    """Look at a server's page; None if it has none."""
    try:
        response = http.get(path)
    except httpx.HTTPError:
        return None
    return parse_page(response.text) if response.is_success else None


def parse_page(text: str) -> Page:
    """Read the text format. Values of one name and different labels (ranks, models) are added up."""
    values: dict[str, float] = defaultdict(float)
    buckets: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for line in text.splitlines():
        sample = _SAMPLE.match(line)
        if sample is None:
            continue
        name, labels, shown = sample.groups()
        try:
            value = float(shown)
        except ValueError:
            continue
        bound = _BOUND.search(labels or "")
        if name.endswith("_bucket") and bound is not None:
            buckets[name.removesuffix("_bucket")][float(bound[1].replace("+Inf", "inf"))] += value
        else:
            values[name] += value
    histograms = {
        name: _histogram(found, values.get(f"{name}_sum", math.nan)) for name, found in buckets.items()
    }
    return Page(dict(values), histograms)


def difference(before: Page | None, after: Page | None, names: MetricNames) -> Difference:
    """Return what happened between two looks; what the server does not tell, or did not do, is absent."""
    if before is None or after is None:
        return Difference()
    histograms = {}
    for metric, candidates in names.histograms.items():
        name = next((one for one in candidates if one in after.histograms), None)
        if name is None:
            continue
        earlier = before.histograms.get(name)
        found = after.histograms[name].minus(earlier) if earlier else after.histograms[name]
        if found is not None and found.count and not math.isnan(found.total):
            histograms[metric] = found
    scalars = {}
    prompt, cached = _grown(before, after, names.prompt), _grown(before, after, names.cached)
    if prompt and cached is not None:
        scalars["cache_hit_rate"] = cached / prompt
    drafts, accepted = _grown(before, after, names.drafts), _grown(before, after, names.accepted)
    if drafts and accepted is not None:
        # Each step gives the token it would have given anyway, and those of the draft that held.
        scalars["acceptance_length"] = 1 + accepted / drafts
    return Difference(histograms, scalars)


def _grown(before: Page, after: Page, candidates: tuple[str, ...]) -> float | None:
    name = next((one for one in candidates if one in after.values), None)
    if name is None:
        return None
    grown = after.values[name] - before.values.get(name, 0.0)
    return grown if grown >= 0 else None


def _histogram(cumulative: Mapping[float, float], total: float) -> Histogram:
    bounds = tuple(sorted(cumulative))
    reached = [cumulative[bound] for bound in bounds]
    counts = tuple(now - then for now, then in zip(reached, (0.0, *reached), strict=False))
    return Histogram(bounds, counts, total)
