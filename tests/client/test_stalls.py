"""A client that is stopped again and again still knows what it does not know.

The truth is what the server noted about each chunk: it was handed to the kernel between two moments.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.metrics.run import measure_run
from pytest_llmbench.metrics.summary import PERCENTILES, percentile
from pytest_llmbench.metrics.validity import LATE_SECONDS, MAX_GAP_SHIFT, MAX_TTFT_SHIFT, check_validity
from tests.client.asking import plan
from tests.client.fake_server import HEAD, LAST_CHUNK, FakeServer, Peer, answer, chunked, content, sse, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.client.plan import LoadOutcome

CHUNKS, GAP, TTFT = 60, 0.002, 0.03
REQUESTS = 6
GOOD = b"".join(stream(content("a", "stop")))


@pytest.fixture
def generator() -> Iterator[LoadGenerator]:
    """Give a generator whose process is there already."""
    generator = LoadGenerator()
    with FakeServer(answer(GOOD)) as warm:
        generator.run(plan(warm.url, 1))
    yield generator
    generator.close()


@contextmanager
def stalls(generator: LoadGenerator, seconds: float) -> Iterator[None]:
    """Stop the process for that long, let it run for half as long, and so on."""
    over, pid = threading.Event(), generator._children[0].pid

    def stall() -> None:
        while not over.is_set():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)
            over.wait(seconds / 2)

    stalling = threading.Thread(target=stall)
    stalling.start()
    try:
        yield
    finally:
        over.set()
        stalling.join()


def _measure(generator: LoadGenerator, seconds: float, burst: int) -> tuple[LoadOutcome, list[list[Truth]]]:
    """Ask while stalled; return what was measured, and between which moments (ns) each chunk was sent."""

    def script(peer: Peer) -> None:
        while peer.receive():
            peer.wait(TTFT)
            head = HEAD
            for first in range(0, CHUNKS, burst):
                last = first + burst == CHUNKS
                events = [chunked(sse(content(f"{n}"))) for n in range(first, first + burst - last)]
                if last:  # with the end, as many servers do
                    events += [chunked(sse(content("last", "stop"))), LAST_CHUNK]
                peer.send(head + b"".join(events), then_wait=0 if last else GAP * burst)
                head = b""

    with FakeServer(script) as server, stalls(generator, seconds):
        outcome = generator.run(plan(server.url, REQUESTS))
    moments = [(write.before, write.after) for write in server.sent for _ in range(burst)]
    return outcome, [moments[n * CHUNKS : (n + 1) * CHUNKS] for n in range(REQUESTS)]


Truth = tuple[int, int]


@pytest.mark.parametrize("burst", [1, 3])
@pytest.mark.parametrize("seconds", [0, 0.01, 0.05])
def test_truth_is_within_the_uncertainty(generator: LoadGenerator, seconds: float, burst: int) -> None:
    """Every chunk was sent between `at - uncertainty` and `at`, and whatever is still told is true."""
    outcome, truth = _measure(generator, seconds, burst)
    assert all(trace.ok and trace.clock == "kernel" for trace in outcome.traces)
    for trace, moments in zip(outcome.traces, truth, strict=True):
        for chunk, (before, after) in zip(trace.chunks, moments, strict=True):
            # It arrives between the two moments: at once, on the loopback device.
            assert before <= chunk.at
            assert chunk.at - chunk.uncertainty <= after
    if seconds:
        assert any(chunk.uncertainty > 0 for trace in outcome.traces for chunk in trace.chunks[:-1])
    run = measure_run(outcome, gpus=0)
    validity = check_validity([run], asked_prompt_tokens=None)
    slack = max(after - before for moments in truth for before, after in moments) * 1e-9
    if validity.valid:
        starts = [trace.started or 0 for trace in outcome.traces]
        true = sorted((moments[0][0] - start) * 1e-9 for moments, start in zip(truth, starts, strict=True))
        ttft = run.metrics["ttft"].p50
        assert abs(ttft - percentile(true, 50)) <= MAX_TTFT_SHIFT * ttft + slack
    kept = run.without(validity.dropped).metrics.get("chunk_gap")
    gaps = sorted(
        (after - before) * 1e-9
        for moments in truth
        for (before, _), (after, _) in itertools.pairwise(moments)
    )
    for percent in PERCENTILES:
        known = kept.get(f"p{percent}") if kept else None
        if known is not None:
            allowed = max(LATE_SECONDS, MAX_GAP_SHIFT * known) + 2 * slack
            assert abs(known - percentile(gaps, percent)) <= allowed


def test_stalls_of_many_gaps_leave_ttft_alone(generator: LoadGenerator) -> None:
    """Where first chunks come alone, a client that is stopped for 25 gaps keeps TTFT and leaves out ITL."""

    def script(peer: Peer) -> None:
        while peer.receive():
            peer.wait(TTFT)
            peer.send(HEAD + chunked(sse(content("first"))))
            peer.wait_until_read()
            for number in range(CHUNKS):
                peer.send(chunked(sse(content(f"{number}"))), then_wait=GAP)
            peer.send(chunked(sse(content("", "stop"))) + LAST_CHUNK)

    with FakeServer(script) as server, stalls(generator, 0.05):
        outcome = generator.run(plan(server.url, REQUESTS))
    run = measure_run(outcome, gpus=0)
    validity = check_validity([run], asked_prompt_tokens=None)
    assert validity.valid
    assert {"itl", "chunk_gap"} & set(validity.dropped) or "chunk_gap.p90" in validity.dropped
    firsts = [sent for sent in server.sent if b"first" in sent.data]
    for trace, first in zip(outcome.traces, firsts, strict=True):
        assert first.before <= trace.chunks.at[0]
        assert trace.chunks.at[0] - trace.chunks.uncertainty[0] <= first.after
    assert "ttft" in run.without(validity.dropped).metrics
