"""Streams from a file or made up, decoded."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.client.decode import decode
from pytest_llmbench.client.dialects import DIALECTS
from pytest_llmbench.client.parts import Part, Parts
from pytest_llmbench.client.response import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.client.trace import RequestTrace

__all__ = ["body_of", "decoded", "named", "recording", "trace_of"]

_RECORDINGS = Path(__file__).parent / "recordings"


def recording(name: str) -> bytes:
    """Return the body of a recorded answer."""
    return (_RECORDINGS / f"{name}.sse").read_bytes()


def named(kind: str, **fields: object) -> bytes:
    """Make an event with a name that is also its type."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def body_of(documents: Iterable[object]) -> bytes:
    """Make a body of events without names, and without an end mark."""
    return b"".join(f"data: {json.dumps(document)}\n\n".encode() for document in documents)


def decoded(dialect: str, body: bytes, cuts: Sequence[int] = (), *, keep_text: bool = True) -> RequestTrace:
    """Decode a body that came in reads cut at these places."""
    places = [0, *sorted({cut % len(body) for cut in cuts} - {0}), len(body)]
    parts = [
        Part(10 * number, 10 * number - 5, body[begin:end], last=True)
        for number, (begin, end) in enumerate(itertools.pairwise(places), 1)
    ]
    response = Response(
        started=0, status=200, stream=True, parts=Parts(parts), ended=10 * len(parts) + 1, complete=True
    )
    return decode(response, DIALECTS[dialect], 0, keep_text=keep_text)


def trace_of(dialect: str, *documents: object) -> RequestTrace:
    """Decode documents as one read each."""
    events = [body_of([document]) for document in documents]
    return decoded(dialect, b"".join(events), list(itertools.accumulate(map(len, events))))
