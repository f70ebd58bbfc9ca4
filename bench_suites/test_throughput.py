"""Many streams: how much a server gives in all, and what each user still gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmbench import Bench, Workload


@pytest.mark.bench(workloads=["in0128-out0064"], concurrency=[1, 4, 8])
def test_throughput(bench: Bench, workload: Workload, concurrency: int) -> None:
    """Measure a number of streams; a request that fails fails the test."""
    result = bench(workload, concurrency=concurrency)
    assert result.error_rate.mean == 0
