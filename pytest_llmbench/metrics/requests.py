"""What one request trace says, as values of the registry's metrics."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.client.trace import Chunk, RequestTrace

__all__ = ["chunk_tokens", "request_values"]

_NS = 1e-9


def request_values(trace: RequestTrace) -> dict[str, list[float]]:
    """Return metric name → values (seconds, tokens) of one successful request.

    A metric the trace cannot tell is absent: no guess is made. Most have one value; `itl` and `chunk_gap`
    have one a gap.
    """
    return {name: values for name, values in _values(trace) if values}


def chunk_tokens(trace: RequestTrace) -> list[int] | None:
    """Return how many output tokens each chunk carried, or None where that is not known.

    Known if the server gave usage with every chunk, or if there are as many chunks as tokens.
    """
    tokens = [chunk.tokens for chunk in trace.chunks if chunk.tokens is not None]
    if len(tokens) == len(trace.chunks) and all(count > 0 for count in tokens):
        return tokens
    if trace.output_tokens == len(trace.chunks):
        return [1] * len(trace.chunks)
    return None


def _values(trace: RequestTrace) -> Iterator[tuple[str, list[float]]]:
    started, chunks = trace.started, trace.chunks
    if started is None or not chunks:
        return
    first, last = chunks[0], chunks[-1]
    yield "ttft", [(first.at - started) * _NS]
    answer = next((chunk for chunk in chunks if chunk.answer), None)
    yield "ttft_answer", [(answer.at - started) * _NS] if answer else []
    yield "connect", [trace.connect * _NS]
    yield "send_delay", [max(0, started - trace.scheduled) * _NS]
    yield "e2e", [(max(last.at, trace.finished or 0) - started) * _NS]
    yield "stream_end", [(trace.ended - started) * _NS] if trace.ended is not None else []
    yield "chunk_gap", [(after.at - before.at) * _NS for before, after in _pairs(chunks)]
    yield "itl", _itl(trace)
    if trace.output_tokens is not None and trace.output_tokens > 1 and last.at > first.at:
        tpot = (last.at - first.at) * _NS / (trace.output_tokens - 1)
        yield "tpot", [tpot]
        yield "interactivity", [1 / tpot]
    for name in ("prompt_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"):
        count = getattr(trace, name)
        yield name, [float(count)] if count is not None else []


def _itl(trace: RequestTrace) -> list[float]:
    tokens = chunk_tokens(trace)
    if tokens is None:
        return []
    return [
        (after.at - before.at) * _NS / count
        for (before, after), count in zip(_pairs(trace.chunks), tokens[1:], strict=True)
        for _ in range(count)
    ]


def _pairs(chunks: list[Chunk]) -> Iterator[tuple[Chunk, Chunk]]:
    return pairwise(chunks)
