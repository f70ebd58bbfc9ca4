"""Every metric once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.metrics.registry import METRICS, metric

UNITS = {"s", "tok", "tok/s", "req/s", "tok/s/GPU", "ratio", "W", "J/tok", "bytes", "MHz", "°C"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_is_defined(name: str) -> None:
    """A metric has its own name, a known unit, a direction and a definition that is a clause of its own."""
    found = metric(name)
    assert found.name == name
    assert found.unit in UNITS
    assert found.direction in {"lower", "higher", "none"}
    assert found.kind in {"distribution", "scalar"}
    assert len(found.definition) > 10
    assert not found.definition.endswith(".")
    assert found.smallest_effect >= 0


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_is_in_the_document(name: str) -> None:
    """With its unit."""
    rows = [line.split("|") for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("|")]
    (unit,) = (row[2].strip() for row in rows if f"`{name}`" in row[1])
    assert unit == metric(name).unit


def test_directions() -> None:
    """Durations, energy and errors are better low, rates high; counts and power are neither."""
    for found in METRICS.values():
        if found.unit in {"s", "J/tok"} or found.name == "error_rate":
            assert found.direction == "lower", found.name
        elif "/s" in found.unit:
            assert found.direction == "higher", found.name
        else:
            assert found.direction == "none", found.name


def test_unknown_metric_names_the_nearest() -> None:
    """A misspelt name is answered with the one that was meant."""
    with pytest.raises(UsageError, match=r"^unknown metric 'tftt': did you mean 'ttft'"):
        metric("tftt")
