"""What was asked once, asked again: `pytest -m bench -k replay --bench-replay trace.jsonl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmbench import Bench


@pytest.mark.bench
def test_replay(bench: Bench) -> None:
    """Send recorded requests when they are due; a request that fails fails the test."""
    result = bench.replay()
    assert result.error_rate.mean == 0
