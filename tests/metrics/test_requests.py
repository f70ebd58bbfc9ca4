"""One trace in numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.client.trace import Chunk, RequestTrace
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.metrics.requests import chunk_tokens, request_values
from tests.metrics.traces import MS, START, chunks_at, make_trace


@st.composite
def traces(draw: st.DrawFn) -> RequestTrace:
    """Draw a successful trace, with or without counts."""
    gaps = draw(st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
    tokens = draw(st.none() | st.lists(st.integers(1, 5), min_size=len(gaps), max_size=len(gaps)))
    at, chunks = START, []
    for number, gap in enumerate(gaps):
        at += gap
        answer = draw(st.booleans())
        chunks.append(Chunk(at, draw(st.integers(0, gap)), tokens[number] if tokens else None, answer))
    total = sum(tokens) if tokens else draw(st.none() | st.integers(1, 100))
    return make_trace(chunks, output_tokens=total, ended=at + draw(st.integers(0, 1000)))


@given(traces())
def test_identities(trace: RequestTrace) -> None:
    """Gaps add up to the time from first to last output, and everything lies within the request."""
    values = request_values(trace)
    spread = (trace.chunks[-1].at - trace.chunks[0].at) * 1e-9
    assert math.isclose(sum(values.get("chunk_gap", [])), spread, abs_tol=1e-9)
    assert len(values.get("chunk_gap", [])) == len(trace.chunks) - 1
    counts = chunk_tokens(trace)
    if counts is not None and len(counts) > 1:
        assert math.isclose(sum(values["itl"]), spread, abs_tol=1e-9)
        assert len(values["itl"]) == sum(counts[1:])
    (ttft,), (e2e,), (end,) = values["ttft"], values["e2e"], values["stream_end"]
    assert math.isclose(ttft + spread, e2e, abs_tol=1e-9)
    assert ttft <= values.get("ttft_answer", [ttft])[0] <= e2e <= end


@given(traces())
def test_values_are_of_the_registry_and_never_negative(trace: RequestTrace) -> None:
    """Every value belongs to a distribution of the registry and is a finite number from zero up."""
    for name, values in request_values(trace).items():
        assert METRICS[name].kind == "distribution"
        assert values
        assert all(math.isfinite(value) and value >= 0 for value in values)


def test_count_of_our_own_says_nothing_of_chunks() -> None:
    """As many chunks as tokens is no proof of one token a chunk if the server counted neither."""
    assert chunk_tokens(make_trace(chunks_at(1, 2), token_source="usage")) == [1, 1]
    assert chunk_tokens(make_trace(chunks_at(1, 2), token_source="tokenizer")) is None


def test_times_of_the_server() -> None:
    """What the server says of its own times is passed on as it is, where it says something."""
    values = request_values(make_trace(chunks_at(1), server_prefill=0.25, server_decode=0.0))
    assert (values["server_prefill"], values["server_decode"]) == ([0.25], [0.0])
    assert "server_prefill" not in request_values(make_trace(chunks_at(1)))


def test_plain_request() -> None:
    """A request with one token a chunk, in numbers."""
    trace = make_trace(chunks_at(50, 60, 80), connect=2 * MS, scheduled=START - MS, ended=START + 90 * MS)
    values = {name: [round(value, 9) for value in found] for name, found in request_values(trace).items()}
    assert values == {
        "ttft": [0.05],
        "ttft_answer": [0.05],
        "connect": [0.002],
        "send_delay": [0.001],
        "e2e": [0.08],
        "stream_end": [0.09],
        "chunk_gap": [0.01, 0.02],
        "itl": [0.01, 0.02],
        "tpot": [0.015],
        "interactivity": [round(1 / 0.015, 9)],
        "prompt_tokens": [10],
        "output_tokens": [3],
    }


def test_itl_shares_a_gap_among_its_tokens() -> None:
    """A chunk of k tokens makes k gaps of a k-th; the tokens of the first chunk make none."""
    trace = make_trace(chunks_at(50, 80, 90, tokens=[4, 3, 1]), output_tokens=8)
    assert [round(gap, 9) for gap in request_values(trace)["itl"]] == [0.01, 0.01, 0.01, 0.01]


@pytest.mark.parametrize(
    ("tokens", "total", "expected"),
    [
        (None, 3, [1, 1, 1]),
        (None, 4, None),
        (None, None, None),
        ([2, 1, 1], 4, [2, 1, 1]),
        ([2, 0, 1], 3, [1, 1, 1]),
        ([2, 0, 1], 4, None),
        ([2, 2, -1], 9, None),
    ],
)
def test_tokens_of_chunks(tokens: list[int] | None, total: int | None, expected: list[int] | None) -> None:
    """Tokens of chunks are known from counts with each, or if there are as many chunks as tokens."""
    trace = make_trace(chunks_at(1, 2, 3, tokens=tokens), output_tokens=total)
    assert chunk_tokens(trace) == expected
    assert ("itl" in request_values(trace)) == (expected is not None)


@pytest.mark.parametrize(
    ("arrivals", "total"),
    [((5,), 1), ((5,), 9), ((5, 9), None), ((5, 5), 2), ((5, 9), 1)],
)
def test_no_tpot(arrivals: tuple[int, ...], total: int | None) -> None:
    """There is no time per token with one token, without counts, or if all came at once."""
    values = request_values(make_trace(chunks_at(*arrivals), output_tokens=total))
    assert "tpot" not in values
    assert "interactivity" not in values


def test_end_is_the_finish_reason() -> None:
    """A finish reason after the last output ends the request; one before it does not."""
    late, early = (make_trace(chunks_at(5, 9), finished=START + at * MS) for at in (12, 7))
    assert [round(request_values(trace)["e2e"][0], 9) for trace in (late, early)] == [0.012, 0.009]


def test_reasoning_comes_before_the_answer() -> None:
    """Reasoning counts for the first token, and not for the first of the answer."""
    chunks = [Chunk(START + at * MS, answer=at == 30) for at in (10, 20, 30)]
    values = request_values(make_trace(chunks))
    assert (round(values["ttft"][0], 9), round(values["ttft_answer"][0], 9)) == (0.01, 0.03)
    assert "ttft_answer" not in request_values(make_trace(chunks[:2]))


def test_what_the_server_did_not_say_is_absent() -> None:
    """Counts the server did not give are absent, and zero is not absent."""
    silent = request_values(make_trace(chunks_at(5), prompt_tokens=None, output_tokens=None, ended=None))
    assert {"prompt_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "stream_end"}.isdisjoint(
        silent
    )
    telling = request_values(make_trace(chunks_at(5), cached_tokens=0, reasoning_tokens=0))
    assert (telling["cached_tokens"], telling["reasoning_tokens"]) == ([0], [0])


def test_nothing_started_or_nothing_came() -> None:
    """A request that never started, or that brought nothing, has no values at all."""
    assert request_values(make_trace(chunks_at(5), started=None)) == {}
    assert request_values(make_trace()) == {}
