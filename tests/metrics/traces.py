"""Traces in milliseconds, for tests to write down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.client.plan import LoadOutcome
from pytest_llmbench.client.trace import Chunk, Chunks, Failure, RequestTrace
from pytest_llmbench.metrics.run import measure_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.metrics.run import Run

__all__ = ["MS", "REFUSED", "START", "chunks_at", "make_run", "make_trace"]

MS = 1_000_000
START = 1_700_000_000_000 * MS
"""As far from zero as real stamps are: differences must not lose digits."""

REFUSED = Failure("http_status", "HTTP 503: busy", 503)


def chunks_at(
    *milliseconds: float, tokens: Sequence[int] | None = None, uncertainty: float = 0
) -> list[Chunk]:
    """Make chunks that arrived so long after the start."""
    return [
        Chunk(START + round(at * MS), round(uncertainty * MS), tokens[n] if tokens else None)
        for n, at in enumerate(milliseconds)
    ]


def make_trace(chunks: Sequence[Chunk] = (), **changes: object) -> RequestTrace:
    """Make a trace that began at the start, with usage for as many tokens as chunks."""
    whole: dict[str, object] = {
        "index": 0,
        "scheduled": START,
        "started": START,
        "chunks": Chunks(chunks),
        "finished": chunks[-1].at if chunks else None,
        "ended": chunks[-1].at if chunks else None,
        "prompt_tokens": 10,
        "output_tokens": len(chunks),
        **changes,
    }
    return RequestTrace(**whole)  # type: ignore[arg-type]


def make_run(*traces: RequestTrace, gpus: int = 0, seconds: float = 1.0, cpu_share: float = 0.1) -> Run:
    """Make a run of traces, in a window of so many seconds."""
    return measure_run(
        LoadOutcome(list(traces), START, START + round(seconds * 1000 * MS), cpu_share), gpus=gpus
    )
