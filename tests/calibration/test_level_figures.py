"""The computation, on made-up traces and logs."""

from __future__ import annotations

from array import array

import pytest

from pytest_llmbench.calibration.figures import (
    LevelFigures,
    carried_rate,
    ideal_chunk_rate,
    level_figures,
    true_means,
)
from pytest_llmbench.calibration.server import Behaviour, TruthRecord
from pytest_llmbench.client.trace import Chunk, Chunks, Failure, RequestTrace

US, MS = 1000, 1_000_000
TTFT, GAP = 50 * MS, 10 * MS


def record(number: int, *, start: int = 0, tokens: int = 3, send: int = 4 * US) -> TruthRecord:
    """Log a request that was answered as it should be."""
    sent = array("Q", [start + TTFT + n * GAP for n in range(tokens)])
    returned = array("Q", [time + send for time in sent])
    return TruthRecord(number, start, tokens, 200, finished=True, sent=sent, returned=returned)


def trace(log: TruthRecord, *, late: int = 5 * US, uncertainty: int = 0) -> RequestTrace:
    """Make the trace of a client that started 10 µs before and stamps each chunk that late."""
    return RequestTrace(
        index=log.id,
        started=log.received - 10 * US,
        chunks=Chunks(Chunk(sent + late, uncertainty) for sent in log.sent),
    )


def figures(traces: list[RequestTrace], records: list[TruthRecord], cpu_seconds: float = 1.0) -> LevelFigures:
    """Compute for a window of half a second."""
    return level_figures(
        2, traces, records, window=0.5, cpu_seconds=cpu_seconds, behaviour=Behaviour(tokens=3)
    )


def test_errors_are_stamp_minus_sent() -> None:
    """Chunk by chunk, over all requests."""
    logs = [record(number, start=1000 * MS * number, tokens=50) for number in range(2)]
    found = figures([trace(logs[0], late=4 * US), trace(logs[1], late=6 * US)], logs)
    assert found.chunks == 100
    assert found.error_p50 == pytest.approx(5e-6)
    assert found.error_max == found.error_p99 == pytest.approx(6e-6)
    assert found.send_p99 == pytest.approx(4e-6)


@pytest.mark.parametrize(
    ("late", "uncertainty", "outside"),
    [
        (0, 0, 0),
        (4 * US, 0, 0),
        (4 * US + 1, 0, 1),  # later than the server's `send` returned, and said to be certain
        (9 * US, 5 * US, 0),
        (9 * US, 5 * US - 1, 1),
        (-1, 0, 1),  # before it was sent
        (-1, 100 * US, 1),
    ],
)
def test_a_chunk_must_have_arrived_within_its_uncertainty(late: int, uncertainty: int, outside: int) -> None:
    """The chunk arrived while the server was in `send`; the client says [stamp - uncertainty, stamp]."""
    log = record(0)
    assert figures([trace(log, late=late, uncertainty=uncertainty)], [log]).outside_share == outside


def test_merged_are_chunks_of_uncertain_time() -> None:
    """A stream's last chunk is left out, as in the validity of results: it is always certain."""
    log = record(0)
    one = RequestTrace(
        index=0,
        started=0,
        chunks=Chunks([Chunk(log.sent[0], 9), Chunk(log.sent[1], 0), Chunk(log.sent[2], 9)]),
    )
    assert figures([one], [log]).merged_share == 0.5


def test_ttft_and_tpot_are_compared_as_means() -> None:
    """The client starts 10 µs before the server hears of it and stamps 5 µs after the server sent."""
    log = record(0)
    found = figures([trace(log)], [log])
    assert found.ttft_true == pytest.approx(0.050)
    assert found.ttft_reported == pytest.approx(0.050015)
    assert found.ttft_error == pytest.approx(0.0003)
    assert found.tpot_true == pytest.approx(0.010)
    assert found.tpot_error == pytest.approx(0, abs=1e-12)


def test_rates() -> None:
    """Chunks of the window, against streams that never wait; CPU for a million of them."""
    logs = [record(number, tokens=300) for number in range(4)]
    found = figures([trace(log) for log in logs], logs)
    assert found.chunk_rate == pytest.approx(2400)
    assert found.delivered == pytest.approx(2400 / (2 * 3 / 0.070))
    assert found.cpu_per_million == pytest.approx(1e6 / 1200)


def test_too_little_cpu_to_tell() -> None:
    """A few ticks of the clock are no figure, nor is what few chunks cost."""
    few, many = record(0), record(0, tokens=2000)
    assert figures([trace(few)], [few], cpu_seconds=1).cpu_per_million is None
    assert figures([trace(many)], [many], cpu_seconds=0.05).cpu_per_million is None


def test_warm_up_counts_for_nothing() -> None:
    """Neither its requests nor its chunks."""
    logs = [record(0), record(1)]
    first = trace(logs[0], late=MS)
    first.warmup = True
    found = figures([first, trace(logs[1])], logs)
    assert (found.requests, found.chunks) == (1, 3)
    assert found.error_max == pytest.approx(5e-6)


def test_what_does_not_match_is_counted_and_left_out() -> None:
    """A failed request, a lost chunk, and a request the server does not know of."""
    logs = [record(number) for number in range(3)]
    failed, short, stranger = trace(logs[0]), trace(logs[1]), trace(record(9))
    failed.failure = Failure("timeout", "too late")
    short.chunks = short.chunks[:-1]
    found = figures([failed, short, stranger, trace(logs[2])], logs)
    assert (found.requests, found.failed, found.unmatched, found.chunks) == (4, 1, 3, 3)


def test_nothing_at_all() -> None:
    """No number is made up."""
    found = figures([], [])
    assert (found.requests, found.chunks, found.chunk_rate) == (0, 0, 0)
    assert (found.error_p50, found.ttft_error, found.tpot_true, found.cpu_per_million) == (None,) * 4


def test_true_means_of_single_tokens() -> None:
    """There is no TPOT without a second token."""
    truth = true_means([record(0, tokens=1)])
    assert truth is not None
    assert truth.tpot is None
    assert true_means([]) is None


@pytest.mark.parametrize(
    ("behaviour", "seconds"),
    [
        (Behaviour(), 0.050 + 99 * 0.010),
        (Behaviour(tokens_per_chunk=3), 0.050 + 33 * 3 * 0.010),
        (Behaviour(burst=10), 0.050 + 9 * 10 * 0.010),
    ],
)
def test_the_ideal_rate_follows_the_servers_schedule(behaviour: Behaviour, seconds: float) -> None:
    """Of one stream, with several tokens a chunk and with bursts."""
    chunks = -(-behaviour.tokens // behaviour.tokens_per_chunk)
    assert ideal_chunk_rate(1, behaviour) == pytest.approx(chunks / seconds)


def test_the_carried_rate_is_the_highest_accurate_one() -> None:
    """Levels that are late, or wrong about how late, do not count."""

    def level(late: int, rate: float, outside: float = 0.0) -> LevelFigures:
        log = record(0)
        found = figures([trace(log, late=late, uncertainty=late)], [log])
        changed = {name: getattr(found, name) for name in LevelFigures.__slots__}
        return LevelFigures(**changed | {"chunk_rate": rate, "outside_share": outside})

    levels = [level(0, 10.0), level(999 * US, 30.0), level(1001 * US, 50.0), level(0, 90.0, outside=0.1)]
    assert carried_rate(levels) == 30.0
    assert carried_rate(levels[2:]) is None
