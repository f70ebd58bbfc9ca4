"""Thousands of streams at once, for real."""

from __future__ import annotations

import contextlib
import json

import pytest

from pytest_llmbench.calibration.build import truth_server
from pytest_llmbench.calibration.level import most_streams
from pytest_llmbench.calibration.server import Behaviour, TruthServer
from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.errors import Unavailable
from tests.client.asking import plan

STREAMS = 2000


@pytest.fixture(autouse=True)
def _possible() -> None:
    """Skip where there is no compiler for the server, or there are too few descriptors."""
    if most_streams() < STREAMS:
        pytest.skip(f"{STREAMS} streams need more open files than are permitted")
    try:
        truth_server()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("processes", [1, 2])
def test_two_thousand_streams(processes: int) -> None:
    """All streams are answered, whole, each with what was meant for it, within its uncertainty."""
    bodies = tuple(
        json.dumps({"user": str(n), "max_tokens": 5, "stream": True, "messages": []}).encode()
        for n in range(2 * STREAMS)
    )
    with (
        contextlib.closing(LoadGenerator(processes)) as generator,
        TruthServer(Behaviour(ttft=300_000, itl=50_000, tokens=5)) as server,
    ):
        outcome = generator.run(plan(server.base_url, 1, bodies=bodies, concurrency=STREAMS, warmup=STREAMS))
    assert len(outcome.traces) == 2 * STREAMS
    assert {trace.failure for trace in outcome.traces} == {None}
    assert all(trace.connect == 0 for trace in outcome.traces if not trace.warmup)
    records = {record.id: record for record in server.records}
    for trace in outcome.traces:
        record = records[trace.index]
        assert len(trace.chunks) == 5
        for chunk, before, after in zip(trace.chunks, record.sent, record.returned, strict=True):
            assert before <= chunk.at
            assert chunk.at - chunk.uncertainty <= after
