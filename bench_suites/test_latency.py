"""One stream: how long a single user waits, for each type of prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmbench import Bench, Workload


@pytest.mark.bench(workloads=["short", "medium", "long"])
def test_latency(bench: Bench, workload: Workload) -> None:
    """Measure one stream; a request that fails fails the test."""
    result = bench(workload, concurrency=1, requests=16)
    assert result.error_rate.mean == 0
