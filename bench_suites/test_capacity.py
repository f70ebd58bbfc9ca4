"""How many users a server carries within its service levels: `pytest -m bench --bench-slo ttft.p99=500ms`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmbench import Bench, Workload


@pytest.mark.bench(workloads=["short"])
def test_capacity(bench: Bench, workload: Workload) -> None:
    """Find the highest concurrency that meets the service levels."""
    bench.search(workload)
