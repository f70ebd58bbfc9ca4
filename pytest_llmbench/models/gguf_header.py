"""Read the metadata in front of a GGUF file, versions 2 and 3, and nothing behind it.

A vocabulary of 150,000 tokens is passed over, not kept: only scalars and short arrays of numbers are.
"""

from __future__ import annotations

import struct
from typing import IO, TYPE_CHECKING

from pytest_llmbench.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["HeaderValue", "read_gguf_header"]

HeaderValue = bool | int | float | str | tuple[bool | int | float, ...]

_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {
    number: struct.Struct("<" + code)
    for number, code in enumerate("BbHhIif?")  # uint8 to bool
} | {10: struct.Struct("<Q"), 11: struct.Struct("<q"), 12: struct.Struct("<d")}
_LONGEST_KEPT = 4096
_LONGEST_STRING = 1 << 24


def read_gguf_header(path: Path) -> Mapping[str, HeaderValue]:
    """Return the metadata by key. Of an array of texts, or a long one, `KEY#` is the number of its items.

    Raises:
        StorageError: the file cannot be read, or is no GGUF file; names it.
    """
    try:
        with path.open("rb") as file:
            return _Reader(file).metadata()
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise StorageError(message, file=path) from error
    except (_NotGGUFError, UnicodeDecodeError, OverflowError) as error:
        message = f"is no GGUF file: {error}"
        raise StorageError(message, file=path) from error


class _NotGGUFError(Exception):
    """What was read is not what the format says."""


class _Reader:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def metadata(self) -> dict[str, HeaderValue]:
        if self._take(4) != b"GGUF":
            message = "it does not begin with GGUF"
            raise _NotGGUFError(message)
        version = self._number(4)
        if version not in _VERSIONS:
            message = f"its version is {version}, not 2 or 3"
            raise _NotGGUFError(message)
        self._number(10)  # tensors
        found: dict[str, HeaderValue] = {}
        for _ in range(int(self._number(10))):
            key, kind = self._string(), int(self._number(4))
            if kind == _ARRAY:
                self._array(key, found)
            else:
                found[key] = self._string() if kind == _STRING else self._number(kind)
        return found

    def _array(self, key: str, found: dict[str, HeaderValue]) -> None:
        kind, count = int(self._number(4)), int(self._number(10))
        if kind == _STRING:
            for _ in range(count):
                self._file.seek(self._length(), 1)
        elif count > _LONGEST_KEPT:
            self._file.seek(count * self._scalar(kind).size, 1)
        else:
            found[key] = tuple(self._number(kind) for _ in range(count))
            return
        found[f"{key}#"] = count

    def _string(self) -> str:
        return self._take(self._length()).decode()

    def _length(self) -> int:
        length = int(self._number(10))
        if length > _LONGEST_STRING:
            message = f"a text of {length} bytes"
            raise _NotGGUFError(message)
        return length

    def _number(self, kind: int) -> bool | int | float:
        scalar = self._scalar(kind)
        value: bool | int | float = scalar.unpack(self._take(scalar.size))[0]
        return value

    def _scalar(self, kind: int) -> struct.Struct:
        if kind not in _SCALARS:
            message = f"type {kind} is unknown"
            raise _NotGGUFError(message)
        return _SCALARS[kind]

    def _take(self, count: int) -> bytes:
        taken = self._file.read(count)
        if len(taken) < count:
            message = "it ends within its metadata"
            raise _NotGGUFError(message)
        return taken
