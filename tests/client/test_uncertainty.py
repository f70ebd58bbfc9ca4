"""Simulated packets and reads: what a stamp and its uncertainty promise, and that framing ignores reads."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.client import connection, hot_loop
from pytest_llmbench.client.address import Address
from pytest_llmbench.client.connection import Connection
from pytest_llmbench.client.plan import Timeouts
from pytest_llmbench.client.response import Response
from tests.client.asking import trace_of
from tests.client.fake_server import DONE, HEAD, LAST_CHUNK, chunked, content, role, sse, stream, usage

SO_TIMESTAMPNS = 35
EVENTS = [sse(role()), *(sse(content(f"word {n}")) for n in range(5)), sse(content("", "length")), DONE]
WIRE = HEAD + b"".join(chunked(event) for event in EVENTS) + LAST_CHUNK
PLACES = st.integers(1, len(WIRE) - 1) | st.sampled_from(
    [at + off for at in range(len(WIRE)) if WIRE[at : at + 4] == b"\n\n\r\n" for off in range(4, 9)]
)
"""Anywhere, and more often about the sizes of HTTP chunks."""
RECORDED = b"".join(stream(role(), content("a"), content("b"), content("c", "stop"), usage(9, 3)))


@dataclass
class FakeSocket:
    """A receive queue whose packets share the stamp of the last, as the kernel's do when it merges them.

    It is told the number of a real socket, for the event loop.
    """

    real: socket.socket
    now: int = 0
    queue: bytes = b""
    stamp: int = 0
    arrivals: list[tuple[int, bytes]] = field(default_factory=list)

    def fileno(self) -> int:
        """Return a number that the loop knows nothing of."""
        return self.real.fileno()

    def close(self) -> None:
        """Do nothing: the test closes the real one."""

    def deliver(self) -> None:
        """Queue what has arrived by now."""
        while self.arrivals and self.arrivals[0][0] <= self.now:
            self.stamp, data = self.arrivals.pop(0)
            self.queue += data

    def recvmsg(self, size: int, _: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, None]:
        """Take bytes, with the stamp of the newest packet."""
        data, self.queue = self.queue[:size], self.queue[size:]
        stamp = struct.pack("qq", 0, self.stamp)
        return data, [(socket.SOL_SOCKET, SO_TIMESTAMPNS, stamp)], 0, None


def _receive(packets: list[tuple[int, bytes]], delays: list[int], read_size: int = 1 << 20) -> Response:
    """Read packets, given with their arrivals, each time so much later than the socket was readable."""

    async def simulate() -> Response:
        with socket.socket() as real, pytest.MonkeyPatch.context() as patch:
            fake = FakeSocket(real, arrivals=list(packets))
            patch.setattr(connection, "_now", lambda: fake.now)
            patch.setattr(connection, "_READ_SIZE", read_size)
            loop = hot_loop.running()
            loop.hot.asked = 0
            asked = Connection(loop, Address("h", "", None, 0, None), {}, Timeouts())
            asked._sock = fake  # type: ignore[assignment]
            asked._response, asked._done = Response(started=0), asyncio.get_running_loop().create_future()
            asked._framing.begin(asked._response)
            late = iter(delays)
            while fake.arrivals or fake.queue:
                if not fake.queue:
                    fake.now = max(fake.now, fake.arrivals[0][0])
                fake.now += next(late, 0)
                fake.deliver()
                asked._on_readable()
            return asked._response

    return hot_loop.run(simulate())


def _packets(wire: bytes, cuts: list[int], gaps: list[int]) -> list[tuple[int, bytes]]:
    """Cut bytes into packets; an event's end and the line end of its HTTP chunk stay together."""
    places = {cut % len(wire) for cut in cuts}
    places = {at for at in places if not (wire[at - 2 : at] == b"\n\n" or wire[at - 3 : at] == b"\n\n\r")}
    at, packets = 0, []
    for number, (begin, end) in enumerate(
        zip([0, *sorted(places)], [*sorted(places), len(wire)], strict=True)
    ):
        if end > begin:
            at += gaps[number % len(gaps)]
            packets.append((at, wire[begin:end]))
    return packets


def _arrival(packets: list[tuple[int, bytes]], end: int) -> int:
    """When the byte before position `end` came."""
    for at, data in packets:
        end -= len(data)
        if end <= 0:
            return at
    raise AssertionError


@given(
    cuts=st.lists(PLACES, max_size=20),
    gaps=st.lists(st.integers(1, 40), min_size=1, max_size=20),
    delays=st.lists(st.integers(0, 120), max_size=20),
    read_size=st.sampled_from([1 << 20, 50, 150]),
)
def test_truth_lies_within_the_uncertainty(
    cuts: list[int], gaps: list[int], delays: list[int], read_size: int
) -> None:
    """However packets were cut and reads late, each event came between `at - uncertainty` and `at`."""
    packets = _packets(WIRE, cuts, gaps)
    trace = trace_of(_receive(packets, delays, read_size))
    assert trace.failure is None
    for chunk, event in zip(trace.chunks, EVENTS[1:6], strict=True):
        truth = _arrival(packets, WIRE.index(event) + len(event))
        assert chunk.at - chunk.uncertainty <= truth <= chunk.at
        assert chunk.uncertainty >= 0


@given(cuts=st.lists(st.integers(1, len(RECORDED) - 1), max_size=30))
def test_reads_do_not_matter(cuts: list[int]) -> None:
    """Any cutting of a recorded answer into reads gives the same trace apart from stamps."""
    places = [0, *sorted(set(cuts)), len(RECORDED)]
    packets = [(at, RECORDED[begin:end]) for at, (begin, end) in enumerate(itertools.pairwise(places), 1)]
    trace = trace_of(_receive(packets, []))
    assert trace.failure is None
    assert (trace.text, trace.finish_reason, trace.prompt_tokens, trace.output_tokens) == (
        "abc",
        "stop",
        9,
        3,
    )
    assert [chunk.tokens for chunk in trace.chunks] == [None] * 3
    stamps = [chunk.at for chunk in trace.chunks]
    assert stamps == sorted(stamps)


def test_punctual_reader_is_exact() -> None:
    """A reader that takes every packet as it comes knows every arrival."""
    events = [HEAD, *(chunked(event) for event in EVENTS), LAST_CHUNK]
    trace = trace_of(_receive([(10 * n, event) for n, event in enumerate(events, 1)], []))
    assert [(chunk.at, chunk.uncertainty) for chunk in trace.chunks] == [(10 * n, 0) for n in range(3, 8)]


def test_late_reader_knows_since_when() -> None:
    """Events that share a read may be as old as the last moment when the socket was empty."""
    one, two, three = (chunked(sse(content(text))) for text in "abc")
    packets = [(10, HEAD), (20, one), (30, two), (40, three), (50, chunked(DONE) + LAST_CHUNK)]
    trace = trace_of(_receive(packets, [3, 15]))
    assert [(chunk.at, chunk.uncertainty) for chunk in trace.chunks] == [(30, 17), (30, 0), (40, 0)]


def test_late_reader_holds_the_server_back() -> None:
    """What comes soon after a read of many chunks may have been sent before it; what comes later has not."""
    chunks = [chunked(sse(content(text))) for text in "abcde"]
    packets = [(10, HEAD), *((20 + 10 * number, chunk) for number, chunk in enumerate(chunks[:4]))]
    soon, later = 70, 3_000_000
    packets += [(soon, chunks[4]), (later, chunked(sse(content("f", "stop")))), (later + 9, LAST_CHUNK)]
    trace = trace_of(_receive(packets, [0, 45]))
    assert [(chunk.at, chunk.uncertainty) for chunk in trace.chunks] == [
        *((50, 40) for _ in range(4)),
        (soon, soon - 10),
        (later, 0),
    ]
