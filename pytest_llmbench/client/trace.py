"""What the client records of one request.

Everything is in nanoseconds of CLOCK_REALTIME, because the kernel's receive stamps are. Nothing here is
computed from anything else; `metrics` does that.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Chunk", "Chunks", "ClockName", "Failure", "FailureKind", "RequestTrace", "TokenSource"]

ClockName = Literal["kernel", "user"]
TokenSource = Literal["usage", "tokenizer"]
FailureKind = Literal[
    "connect", "send", "http_status", "stream_error", "truncated", "no_output", "protocol", "timeout"
]

_MANY = 1 << 31


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


class Chunks(Sequence[Chunk]):
    """Chunks, kept as columns: 21 bytes each, where an object takes 150.

    Whoever reads many of them reads the columns.

    Attributes:
        at: arrivals.
        uncertainty: of each arrival.
        tokens: of each, -1 where they are unknown.
        answer: of each, 0 or 1.
    """

    __slots__ = ("answer", "at", "tokens", "uncertainty")

    def __init__(self, chunks: Iterable[Chunk] = ()) -> None:
        self.at = array("q")
        self.uncertainty = array("q")
        self.tokens = array("i")
        self.answer = bytearray()
        for chunk in chunks:
            self.add(chunk.at, chunk.uncertainty, chunk.tokens, answer=chunk.answer)

    def add(self, at: int, uncertainty: int, tokens: int | None, *, answer: bool) -> None:
        """Append a chunk; a number of tokens that no chunk can have is none."""
        self.at.append(at)
        self.uncertainty.append(uncertainty)
        self.tokens.append(tokens if tokens is not None and 0 <= tokens < _MANY else -1)
        self.answer.append(answer)

    def __len__(self) -> int:
        return len(self.at)

    @overload
    def __getitem__(self, index: int) -> Chunk: ...

    @overload
    def __getitem__(self, index: slice) -> Chunks: ...

    def __getitem__(self, index: int | slice) -> Chunk | Chunks:
        if isinstance(index, slice):
            part = Chunks()
            part.at, part.uncertainty = self.at[index], self.uncertainty[index]
            part.tokens, part.answer = self.tokens[index], self.answer[index]
            return part
        tokens = self.tokens[index]
        return Chunk(
            self.at[index],
            self.uncertainty[index],
            None if tokens < 0 else tokens,
            self.answer[index] != 0,
        )

    def __iter__(self) -> Iterator[Chunk]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Chunks):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment] # it grows

    def __repr__(self) -> str:
        return f"Chunks({list(self)!r})"


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
        answer: what of the text came as answer, not as reasoning; only if it was asked for.
    """

    index: int
    warmup: bool = False
    scheduled: int = 0
    started: int | None = None
    connect: int = 0
    chunks: Chunks = field(default_factory=Chunks)
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
    answer: str | None = None

    @property
    def ok(self) -> bool:
        """It succeeded."""
        return self.failure is None
