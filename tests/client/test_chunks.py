"""Chunks as columns."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.client.trace import Chunk, Chunks

CHUNKS = st.builds(
    Chunk,
    at=st.integers(0, 2**62),
    uncertainty=st.integers(0, 2**62),
    tokens=st.none() | st.integers(0, 2**31 - 1),
    answer=st.booleans(),
)


@given(st.lists(CHUNKS, max_size=10), st.slices(10))
def test_reads_as_what_was_put_in(chunks: list[Chunk], part: slice) -> None:
    """Columns give back the chunks they were made of, one by one, in order, in parts and after a pickle."""
    columns = Chunks(chunks)
    assert list(columns) == chunks
    assert len(columns) == len(chunks)
    assert [columns[index] for index in range(-len(chunks), 0)] == chunks
    assert list(columns[part]) == chunks[part]
    assert pickle.loads(pickle.dumps(columns)) == columns  # noqa: S301 - our own bytes
    assert columns[:] == columns


def test_ends_like_a_list() -> None:
    """An index past the end is an error, and an empty sequence is false."""
    with pytest.raises(IndexError):
        Chunks([Chunk(1)])[1]
    assert not Chunks()
    assert Chunks([Chunk(1)])


@given(st.lists(CHUNKS, min_size=1, max_size=3), st.integers(0, 3))
def test_differ(chunks: list[Chunk], column: int) -> None:
    """Chunks that differ in anything are not equal, and none equal a list."""
    one, other = Chunks(chunks), Chunks(chunks)
    (other.at, other.uncertainty, other.tokens, other.answer)[column][0] ^= 1
    assert one != other
    assert one != chunks


@pytest.mark.parametrize("tokens", [None, -1, -5, 2**31, 2**80])
def test_tokens_that_no_chunk_can_have(tokens: int | None) -> None:
    """A count that is negative or absurd, as a broken server may send, is unknown."""
    chunks = Chunks()
    chunks.add(1, 0, tokens, answer=True)
    assert chunks[0].tokens is None


def test_a_million_are_small() -> None:
    """A pickled chunk takes about the 21 bytes its columns do."""
    chunks = Chunks(Chunk(at, 5, 1) for at in range(1000))
    assert len(pickle.dumps(chunks, protocol=pickle.HIGHEST_PROTOCOL)) < 22_000


def test_repr_shows_the_chunks() -> None:
    """What a failing test prints can be read."""
    assert repr(Chunks([Chunk(7)])) == "Chunks([Chunk(at=7, uncertainty=0, tokens=None, answer=True)])"
