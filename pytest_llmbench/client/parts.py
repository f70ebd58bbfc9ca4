"""What was read of a response, until it is decoded: columns while it comes, put aside when it is whole.

A million chunks are 150 to 400 MB of JSON. Whoever waits for the end of the window with decoding has to leave
them somewhere, and that is a file, once they are many.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from array import array
from collections import deque
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator

__all__ = ["Packer", "Part", "Parts", "Spool"]

_IN_MEMORY = 64 * 1024 * 1024
"""Bytes that are kept in memory before a file is made: 200,000 chunks or so, and most runs have fewer."""


class Part(NamedTuple):
    """Body bytes of one read.

    `at` is the read's stamp (ns), `since` the last moment before it when the socket was known to be empty:
    the bytes arrived in between, the last of the read at `at`. `last` is true if nothing but the chunk's line
    end follows these bytes in the read, and nothing was left to read, so that their end is what the stamp
    belongs to.
    """

    at: int
    since: int
    data: bytes
    last: bool


class Parts:
    """The parts of one response, in order; iterating over them makes plain tuples, as there are a million."""

    __slots__ = ("_at", "_data", "_ends", "_last", "_packed", "_since")

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._at = array("q")
        self._since = array("q")
        self._last = bytearray()
        self._data: list[bytes] = []
        self._ends = array("q")
        self._packed: _Kept | None = None
        for part in parts:
            self.add(part.at, part.since, part.data, part.last)

    def add(self, at: int, since: int, data: bytes, last: bool) -> None:  # noqa: FBT001 - a million of these
        """Append a part."""
        self._at.append(at)
        self._since.append(since)
        self._data.append(data)
        self._last.append(last)

    def pack(self, spool: Spool) -> None:
        """Put the bytes aside; nothing may be added any more."""
        if self._packed is None:
            self._ends.extend(accumulate(map(len, self._data)))
            self._packed, self._data = spool.keep(b"".join(self._data)), []

    def __len__(self) -> int:
        return len(self._at)

    def __iter__(self) -> Iterator[tuple[int, int, bytes, int]]:
        return zip(self._at, self._since, self._pieces(), self._last, strict=True)

    def _pieces(self) -> Iterable[bytes]:
        if self._packed is None:
            return self._data
        data = self._packed.read()
        return [data[begin:end] for begin, end in pairwise([0, *self._ends])]


class _Kept(NamedTuple):
    """Bytes put aside: themselves, or where they lie in the spool."""

    data: bytes
    spool: Spool
    place: int = -1
    size: int = 0

    def read(self) -> bytes:
        return self.data if self.place < 0 else self.spool.read(self.place, self.size)


class Spool:
    """Keeps bytes in memory up to a limit, and then in a file without a name."""

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._room = in_memory
        self._file = -1
        self._end = 0

    def keep(self, data: bytes) -> _Kept:
        """Put bytes aside. On a full disk they stay in memory."""
        size = len(data)
        if size <= self._room:
            self._room -= size
        else:
            with contextlib.suppress(OSError):
                if self._file < 0:
                    self._file = _unnamed_file()
                if os.pwrite(self._file, data, self._end) == size:
                    place, self._end = self._end, self._end + size
                    return _Kept(b"", self, place, size)
        return _Kept(data, self)

    def read(self, place: int, size: int) -> bytes:
        """Return what lies there."""
        return os.pread(self._file, size, place)

    def close(self) -> None:
        """Forget what is in the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _unnamed_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Packer:
    """Packs responses one at a time, in turns with reading: where streams run in step, many end at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, spool: Spool) -> None:
        self._loop = loop
        self._spool = spool
        self._waiting: deque[Parts] = deque()

    def pack_soon(self, parts: Parts) -> None:
        """Pack when nothing else is to be done at once."""
        self._waiting.append(parts)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._pack_one)

    def _pack_one(self) -> None:
        self._waiting[0].pack(self._spool)
        self._waiting.popleft()
        if self._waiting:
            self._loop.call_soon(self._pack_one)
