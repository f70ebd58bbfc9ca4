"""The steady window, against simulated servers whose throughput is known."""

from __future__ import annotations

import heapq
import random
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmbench.client.trace import Chunk, Chunks, RequestTrace
from pytest_llmbench.metrics.steady import MIN_ROUNDS, Window, throughput, when_over, window
from pytest_llmbench.workloads.arrivals import constant, poisson
from tests.metrics.traces import MS, REFUSED, START, chunks_at, make_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TTFT, ITL, PROMPT = 100 * MS, 10 * MS, 50


def _request(index: int, started: int, tokens: int) -> RequestTrace:
    """Make a request that is served at once: the first token after TTFT, then one each ITL."""
    chunks = [Chunk(started + TTFT + n * ITL) for n in range(tokens)]
    return RequestTrace(
        index=index,
        scheduled=started,
        started=started,
        chunks=Chunks(chunks),
        finished=chunks[-1].at,
        ended=chunks[-1].at,
        prompt_tokens=PROMPT,
        output_tokens=tokens,
    )


def _seconds(tokens: float) -> float:
    return (TTFT + (tokens - 1) * ITL) / 1e9


def _closed(streams: int, lengths: Iterable[int], jitter: int = 0, seed: int = 0) -> list[RequestTrace]:
    """Run a closed loop; `jitter` ns at most pass between two requests of a stream."""
    rng = random.Random(seed)  # noqa: S311 - a simulation
    free = [START + rng.randint(0, jitter) for _ in range(streams)]
    traces = []
    for index, tokens in enumerate(lengths):
        trace = _request(index, heapq.heappop(free), tokens)
        traces.append(trace)
        heapq.heappush(free, (trace.ended or 0) + rng.randint(0, jitter))
    return traces


def _open(offsets: Iterable[int], lengths: Iterable[int]) -> list[RequestTrace]:
    return [
        _request(n, START + at, tokens) for n, (at, tokens) in enumerate(zip(offsets, lengths, strict=False))
    ]


@given(st.integers(2, 12), st.integers(6, 12), st.integers(2, 40), st.integers(0, 500))
@settings(max_examples=40)
def test_streams_in_step(streams: int, rounds: int, tokens: int, jitter_us: int) -> None:
    """Where streams run in step, the window counts whole rounds, and what it counts is the truth."""
    traces = _closed(streams, [tokens] * (streams * rounds), jitter_us * 1000)
    found = window(traces, streams)
    assert found.reached
    through = throughput(traces, found)
    assert through.output is not None
    assert through.total is not None
    seconds = _seconds(tokens) + jitter_us / 2e6
    assert through.request == pytest.approx(streams / seconds, rel=0.01)
    assert through.output == pytest.approx(tokens * streams / seconds, rel=0.02)
    assert through.total == pytest.approx((tokens + PROMPT) * streams / seconds, rel=0.02)


def test_a_few_rounds_in_step_are_the_whole_run() -> None:
    """Of 16 requests on 4 streams that finish together none is lost: the window is the whole run."""
    traces = _closed(4, [20] * 16)
    found = window(traces, 4, whole=(START, START + round(4e9 * _seconds(20))))
    assert not found.reached
    assert found.note == (
        "the run never reached a steady state: too few requests for 4 streams (21 would do, not 16), so"
        " throughput is that of the whole run"
    )
    assert throughput(traces, found).request == pytest.approx(4 / _seconds(20))
    assert throughput(traces, found).output == pytest.approx(80 / _seconds(20))


@given(st.integers(2, 40), st.integers(1, 400))
def test_what_the_note_asks_for_would_do(streams: int, requests: int) -> None:
    """A run of as many requests as the note names reaches its steady state, and one fewer does not."""
    found = window(_closed(streams, [2] * requests), streams)
    if not found.reached:
        needed = int(found.note.partition("(")[2].split()[0])
        assert needed > requests
        lengths = [2 + n % 5 for n in range(needed)]
        assert window(_closed(streams, lengths), streams).reached
        assert not window(_closed(streams, lengths[:-1]), streams).reached


@pytest.mark.parametrize("streams", [4, 16])
@pytest.mark.parametrize(("low", "high"), [(90, 110), (20, 180), (1, 200)])
def test_lengths_of_all_kinds(streams: int, low: int, high: int) -> None:
    """Averaged over runs of ten rounds, the window tells the truth to 2 %, and the whole run less."""
    mean = (low + high) / 2
    requests, outputs, wholes = [], [], []
    for seed in range(24):
        rng = random.Random(seed)  # noqa: S311 - a simulation
        traces = _closed(streams, [rng.randint(low, high) for _ in range(10 * streams + seed % streams)], MS)
        found = window(traces, streams)
        assert found.reached
        through = throughput(traces, found)
        requests.append(through.request * _seconds(mean) / streams)
        outputs.append((through.output or 0) * _seconds(mean) / streams / mean)
        bounds = Window(START, max(trace.ended or 0 for trace in traces), reached=True)
        wholes.append(throughput(traces, bounds).request * _seconds(mean) / streams)
    error = 3 * statistics.stdev(requests) / len(requests) ** 0.5
    assert statistics.fmean(requests) == pytest.approx(1, abs=0.01 + error)
    assert statistics.fmean(outputs) == pytest.approx(1, abs=0.02)
    assert statistics.fmean(wholes) < 0.98


@given(st.integers(2, 8), st.lists(st.integers(1, 50), min_size=1, max_size=120))
def test_the_window_holds_whole_rounds(streams: int, lengths: list[int]) -> None:
    """All streams are at work all the time of a window, and each completes one request a round."""
    traces = _closed(streams, lengths)
    found = window(traces, streams)
    if not found.reached:
        assert (found.began, found.ended) == (START, max(trace.ended or 0 for trace in traces))
        return
    inside = sum((trace.ended or 0) in found for trace in traces)
    ties = len(traces) - len({trace.ended for trace in traces})
    assert inside >= MIN_ROUNDS * streams - ties
    assert ties or inside % streams == 0
    for at in (found.began + 1, (found.began + found.ended) // 2, found.ended - 1):
        assert sum((t.started or 0) <= at < (t.ended or 0) for t in traces) == streams


def test_one_stream() -> None:
    """A single stream has no ramp and no drain: its window is the whole run, however short."""
    found = window(_closed(1, [5, 5]), 1)
    assert (found.reached, found.note) == (True, "")
    assert (found.began, found.ended) == (START, START + 2 * (TTFT + 4 * ITL))


def test_failures_at_once_do_not_make_a_window() -> None:
    """A server that refuses everything at once has no steady state, and nothing divides by zero."""
    refused = [make_trace(failure=REFUSED, ended=START + MS) for _ in range(60)]
    found = window(refused, 4)
    assert not found.reached
    assert "requests ended before all streams had begun" in found.note
    assert throughput(refused, found).request == 0
    assert throughput(refused, found).output is None


def test_nothing_at_all() -> None:
    """A run without requests, or whose requests were never sent, has a window of no length."""
    unsent = [make_trace(started=None, failure=REFUSED)]
    for traces in ([], unsent, [make_trace(chunks_at(1), warmup=True)]):
        for concurrency in (None, 1, 8):
            assert not window(traces, concurrency).reached
    assert window(unsent, 8, whole=(3, 9)).seconds == pytest.approx(6e-9)


@given(st.floats(5, 50), st.integers(1, 60))
@settings(max_examples=25)
def test_open_loop(rate: float, tokens: int) -> None:
    """A server that keeps up lets through what arrives; without the ends it is counted exactly."""
    arrivals = constant(rate, duration=12 * _seconds(tokens) + 5)
    traces = _open(arrivals.offsets, [tokens] * len(arrivals))
    found = window(traces, None)
    assert found.reached
    through = throughput(traces, found)
    assert through.request * found.seconds == pytest.approx(rate * found.seconds, abs=1.01)
    assert (through.output or 0) * found.seconds == pytest.approx(
        rate * tokens * found.seconds, abs=2.01 * tokens
    )
    assert found.ended == START + arrivals.offsets[-1]


def test_open_loop_of_chance() -> None:
    """Averaged over Poisson arrivals of varied lengths, the window is unbiased and the whole run is not."""
    windows, wholes = [], []
    for seed in range(80):
        rng = random.Random(seed)  # noqa: S311 - a simulation
        offsets = poisson(20, seed=seed, duration=12).offsets
        traces = _open(offsets, [rng.randint(20, 180) for _ in offsets])
        found = window(traces, None)
        assert found.reached
        windows.append(throughput(traces, found).request / 20)
        bounds = Window(START, max(trace.ended or 0 for trace in traces), reached=True)
        wholes.append(throughput(traces, bounds).request / 20)
    assert statistics.fmean(windows) == pytest.approx(1, abs=3 * statistics.stdev(windows) / 80**0.5)
    assert statistics.fmean(wholes) < 0.93


@pytest.mark.parametrize(("load", "words"), [(1.15, "fell behind"), (3.0, "requests took")])
def test_a_server_that_falls_behind(load: float, words: str) -> None:
    """A queue that grows to the end is no steady state, and what goes through is what the server can."""
    free, traces = START, []
    for index, offset in enumerate(constant(load * 10, duration=100).offsets):
        trace = _request(index, START + offset, 1)
        free = max(free, START + offset) + 100 * MS  # 10 requests/s, one after the other
        trace.chunks, trace.finished, trace.ended = Chunks([Chunk(free)]), free, free
        traces.append(trace)
    found = window(traces, None)
    assert not found.reached
    assert words in found.note
    assert found.note.startswith("the run never reached a steady state: ")
    assert throughput(traces, found).request == pytest.approx(10, rel=0.01)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=4), st.booleans())
def test_windows_add_up(cuts: list[int], known: bool) -> None:  # noqa: FBT001
    """What is counted in the parts of a run is what is counted in all of it: nothing twice, nothing lost."""
    counts: Callable[[int], list[int]] = lambda n: [3] * n if known else [3] * (n - 1) + [1]  # noqa: E731
    traces = [
        make_trace(chunks_at(*range(at, at + 50, 10), tokens=counts(5) if known else None), output_tokens=15)
        for at in (100, 333, 700)
    ]
    edges = [START, *sorted({START + cut * MS for cut in cuts} - {START}), START + 2000 * MS]
    parts = [Window(a, b, reached=True) for a, b in pairwise(edges)]
    found = [(throughput(traces, part), part.seconds) for part in parts]
    assert sum(t.request * s for t, s in found) == pytest.approx(3)
    assert sum((t.output or 0) * s for t, s in found) == pytest.approx(45)
    assert sum((t.total or 0) * s for t, s in found) == pytest.approx(75)


def test_tokens_count_at_their_stamps() -> None:
    """Output counts where its chunks came, the prompt at the first output, the request where it ended."""
    trace = make_trace(chunks_at(100, 200, 300, tokens=[1, 5, 2]), output_tokens=8)
    through = [
        throughput([trace], Window(START + a * MS, START + b * MS, reached=True))
        for a, b in ((0, 150), (150, 250), (250, 350))
    ]
    assert [t.output for t in through] == pytest.approx([1 / 0.15, 50, 20])
    assert [t.total for t in through] == pytest.approx([11 / 0.15, 50, 20])
    assert [t.request for t in through] == pytest.approx([0, 0, 10])


def test_unknown_tokens_are_unknown() -> None:
    """One request without counts makes token throughput unknown; failures and warm-up count for nothing."""
    inside = Window(START, START + 1000 * MS, reached=True)
    good, silent = make_trace(chunks_at(10)), make_trace(chunks_at(10), output_tokens=None)
    assert throughput([good, silent], inside).output is None
    assert throughput([good, make_trace(chunks_at(10), prompt_tokens=None)], inside).total is None
    assert throughput([good, make_trace(chunks_at(10), prompt_tokens=None)], inside).output == 2
    others = [make_trace(chunks_at(10), failure=REFUSED), make_trace(chunks_at(10), warmup=True)]
    assert throughput([good, *others], inside).request == 1


def test_when_a_request_was_over() -> None:
    """At the end of its stream; a request without one was over when it was last heard of."""
    assert when_over(make_trace(chunks_at(5))) == START + 5 * MS
    assert when_over(make_trace(chunks_at(5, 7), ended=None)) == START + 7 * MS
    assert when_over(make_trace()) == START
    assert when_over(make_trace(started=None)) is None
