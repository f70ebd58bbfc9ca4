"""What the client records of one request.

Everything is in nanoseconds of CLOCK_REALTIME, because the kernel's receive stamps are. Nothing here is
computed from anything else; `metrics` does that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Chunk", "ClockName", "Failure", "FailureKind", "RequestTrace", "TokenSource"]

ClockName = Literal["kernel", "user"]
TokenSource = Literal["usage", "tokenizer"]
FailureKind = Literal[
    "connect", "send", "http_status", "stream_error", "truncated", "no_output", "protocol", "timeout"
]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request does not count as a success."""

    kind: FailureKind
    message: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of the stream that carried generated output.

    `at` is when it arrived. `uncertainty` (ns) bounds how much earlier it may have arrived: 0 if it was
    alone in its read. With the user's clock `at` is the time of the read, and later than the arrival by
    as much as the reader was late, which nothing bounds. `tokens` is the number of output tokens it carried,
    None where the server did not say. `answer` is false for reasoning text.
    """

    at: int
    uncertainty: int = 0
    tokens: int | None = None
    answer: bool = True


@dataclass(slots=True)
class RequestTrace:
    """One request: when sent, when each chunk arrived and how surely, tokens, finish, error.

    Attributes:
        index: position in the plan, warm-up requests included and first.
        warmup: it came before the measured ones and counts for nothing.
        scheduled: when it should have started, ns.
        started: just before its first byte was handed to the socket, ns; None if it never was.
        connect: ns spent opening the connection; 0 when it was reused.
        chunks: those with output, in order of arrival.
        finished: arrival of the chunk with the finish reason, ns.
        ended: end of the response stream, ns.
        clock: `kernel` if every read carried the kernel's stamp, else `user`.
        token_source: who counted prompt and output tokens.
        server_prefill: what the server says it spent on the prompt, s.
        server_decode: what the server says it spent from the first token to the last, s.
        text: the reply, only if it was asked for or nobody has counted its tokens yet.
    """

    index: int
    warmup: bool = False
    scheduled: int = 0
    started: int | None = None
    connect: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    finished: int | None = None
    ended: int | None = None
    clock: ClockName = "kernel"
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    token_source: TokenSource | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    server_prefill: float | None = None
    server_decode: float | None = None
    finish_reason: str | None = None
    served_model: str | None = None
    failure: Failure | None = None
    text: str | None = None

    @property
    def ok(self) -> bool:
        """It succeeded."""
        return self.failure is None
