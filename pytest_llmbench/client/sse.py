"""Server-sent events out of stamped reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


__all__ = ["Event", "events"]

_LF, _CR = b"\n\r"


class Event(Struct, frozen=True, gc=False):
    """One event: its data, its name if it has one, and when its last byte arrived.

    `at` is in ns; `uncertainty` (ns) bounds how much earlier it may have been: 0 if the event's end is the
    end of its read, for the read's stamp is that of its last packet.
    """

    at: int
    uncertainty: int
    data: bytes
    name: bytes = b""


def events(parts: Iterable[tuple[int, int, bytes, int]]) -> Iterator[Event]:
    r"""Split a body into events, however its bytes were cut into reads: `Part`s, or tuples like them.

    Lines may end in LF or CRLF. Comments and events without data are left out; an event that the stream's
    end cut off is not an event (it lacks its blank line).
    """
    rest = b""
    for at, since, data, last in parts:
        if not rest and data.find(b"\n") == len(data) - 2 and data[:6] == b"data: " and data[-1] == _LF:
            # One event alone in its read, as nearly all are.
            end = -3 if data[-3] == _CR else -2
            yield Event(at, 0 if last else max(0, at - since), data[6:end])
            continue
        text = rest + data
        held = b"\r" if text.endswith(b"\r") else b""
        if b"\r" in text:
            text = text.removesuffix(b"\r").replace(b"\r\n", b"\n")
        *blocks, rest = text.split(b"\n\n")
        final = len(blocks) - 1
        exact = last and not rest.strip(b"\n") and not held
        rest += held
        for index, block in enumerate(blocks):
            name, fields = _fields(block)
            if fields is not None:
                # A packet may be stamped and on its way still when the socket is seen empty.
                uncertainty = 0 if exact and index == final else max(0, at - since)
                yield Event(at, uncertainty, fields, name)


def _fields(block: bytes) -> tuple[bytes, bytes | None]:
    if block.startswith(b"data: ") and b"\n" not in block:
        return b"", block[6:]
    name, data = b"", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field == b"error":  # no field of the standard, but where llama.cpp once put errors
            name = b"error"
            data.append(value)
    return name, b"\n".join(data) if data else None
