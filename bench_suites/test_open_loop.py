"""An open loop: requests come when they come, whether the server keeps up or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmbench import Bench, Workload


@pytest.mark.bench(workloads=["short"], rate=[4])
def test_open_loop(bench: Bench, workload: Workload, rate: float) -> None:
    """Measure a rate of requests; a request that fails fails the test."""
    result = bench(workload, rate=rate)
    assert result.error_rate.mean == 0
