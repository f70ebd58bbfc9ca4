"""What one request trace says, as values of the registry's metrics."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.client.trace import Chunks, RequestTrace

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
    tokens = trace.chunks.tokens
    if all(count > 0 for count in tokens):  # unknown is -1
        return tokens.tolist()
    # With counts of our own that would be chance: a chunk need not be a token.
    if trace.output_tokens == len(trace.chunks) and trace.token_source != "tokenizer":  # noqa: S105
        return [1] * len(trace.chunks)
    return None


def _values(trace: RequestTrace) -> Iterator[tuple[str, list[float]]]:
    started, chunks = trace.started, trace.chunks
    if started is None or not chunks:
        return
    first, last = chunks.at[0], chunks.at[-1]
    yield "ttft", [(first - started) * _NS]
    answer = chunks.answer.find(1)
    yield "ttft_answer", [(chunks.at[answer] - started) * _NS] if answer >= 0 else []
    yield "connect", [trace.connect * _NS]
    yield "send_delay", [max(0, started - trace.scheduled) * _NS]
    yield "e2e", [(max(last, trace.finished or 0) - started) * _NS]
    yield "stream_end", [(trace.ended - started) * _NS] if trace.ended is not None else []
    yield "chunk_gap", _gaps(chunks)
    yield "itl", _itl(trace)
    if trace.output_tokens is not None and trace.output_tokens > 1 and last > first:
        tpot = (last - first) * _NS / (trace.output_tokens - 1)
        yield "tpot", [tpot]
        yield "interactivity", [1 / tpot]
    for name in ("server_prefill", "server_decode"):
        seconds = getattr(trace, name)
        yield name, [seconds] if seconds is not None else []
    for name in ("prompt_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"):
        count = getattr(trace, name)
        yield name, [float(count)] if count is not None else []


def _itl(trace: RequestTrace) -> list[float]:
    tokens = chunk_tokens(trace)
    if tokens is None:
        return []
    gaps = _gaps(trace.chunks)
    if max(tokens) == 1:
        return gaps
    return [gap / count for gap, count in zip(gaps, tokens[1:], strict=True) for _ in range(count)]


def _gaps(chunks: Chunks) -> list[float]:
    return [(after - before) * _NS for before, after in pairwise(chunks.at)]
