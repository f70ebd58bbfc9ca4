"""Events out of reads, however the reads cut them."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.client.parts import Part
from pytest_llmbench.client.sse import events

BLOCKS = st.sampled_from(
    [
        b'data: {"a": 1}\n\n',
        b"data:no space\n\n",
        b"data: one\ndata: two\n\n",
        b"event: error\ndata: bad\n\n",
        b": comment\n\n",
        b"id: 7\n\n",
        b"\n",
        b"data: \xe2\x82\xac \xf0\x9f\x98\x80\n\n",
        b"data: [DONE]\n\n",
        b"data\n\n",
    ]
)
BODIES = st.lists(BLOCKS, max_size=8).map(b"".join)


def _cut(body: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(body) + 1) for cut in cuts}), len(body)]
    return [body[begin:end] for begin, end in itertools.pairwise(places) if end > begin]


def _read(pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    parts = [Part(at, at - 1, piece, last=True) for at, piece in enumerate(pieces, 1)]
    return [(event.name, event.data) for event in events(parts)]


@given(BODIES, st.lists(st.integers(0, 500), max_size=12), st.sampled_from([b"\n", b"\r\n"]))
def test_reads_do_not_matter(body: bytes, cuts: list[int], newline: bytes) -> None:
    """The events are the same whatever the reads were and whatever ends the lines."""
    assert _read(_cut(body.replace(b"\n", newline), cuts)) == _read([body])


def test_fields() -> None:
    """Data is joined over its lines, with one space after the colon taken off; the name is kept."""
    body = b"event: error\ndata:  two\ndata:lines\n\ndata\n\n: comment\n\nid: 1\n\n"
    assert _read([body]) == [(b"error", b" two\nlines"), (b"", b"")]


def test_cut_event_is_none() -> None:
    """An event that lacks its blank line is not an event."""
    assert _read([b"data: a\n\ndata: b\n"]) == [(b"", b"a")]


def _uncertainties(*parts: tuple[bytes, bool]) -> list[int]:
    return [event.uncertainty for event in events([Part(100, 30, data, last) for data, last in parts])]


def test_event_at_the_end_of_its_read_is_exact() -> None:
    """The stamp is that of the last event in a read; the others came since the socket was empty."""
    assert _uncertainties((b"data: a\n\ndata: b\n\n", True)) == [70, 0]
    assert _uncertainties((b"data: a\n\n: comment\n\n", True)) == [70]


def test_read_that_holds_more_is_never_exact() -> None:
    """If anything follows an event in its read, the stamp belongs to that."""
    assert _uncertainties((b"data: a\n\n", False)) == [70]
    assert _uncertainties((b"data: a\n\ndata: b", True), (b"\n\n", True)) == [70, 0]
    assert _uncertainties((b"data: a\r\n\r\n\r", True), (b"\n", True)) == [70]


def test_stamp_before_the_socket_was_seen_empty() -> None:
    """A packet that was stamped but still on its way when the socket was empty is exact, never negative."""
    (first, second) = events([Part(29, 30, b"data: a\n\ndata: b\n\n", last=True)])
    assert (first.uncertainty, second.uncertainty) == (0, 0)
