"""Write a GGUF file, version 3.

Our own forty lines instead of the `gguf` package: the builtin models are pinned by digest, and the
bytes must not depend on which version of a writer is installed. A test reads them with that package.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MetadataValue", "Tensor", "TensorType", "gguf_bytes"]

MetadataValue = bool | int | float | str | tuple[int, ...] | tuple[str, ...]

_ALIGNMENT = 32
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9


class TensorType(IntEnum):
    """Element types, by their number in the format."""

    F32 = 0
    F16 = 1


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: its name, its shape with the fastest-varying dimension first, its little-endian bytes."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    data: bytes


def gguf_bytes(metadata: Mapping[str, MetadataValue], tensors: Sequence[Tensor]) -> bytes:
    """Return the whole file.

    Integers become uint32, floats float32, tuples arrays of int32 or of strings.
    """
    out = BytesIO()
    out.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        out.write(_string(key) + _value(value))
    offset = 0
    for tensor in tensors:
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        out.write(_string(tensor.name) + shape + struct.pack("<IQ", tensor.type, offset))
        offset += _aligned(len(tensor.data))
    for data in (tensor.data for tensor in tensors):
        out.write(b"\0" * (_aligned(out.tell()) - out.tell()))
        out.write(data)
    return out.getvalue()


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _value(value: MetadataValue) -> bytes:
    if isinstance(value, bool):  # before int, which it is too
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _string(value)
    kind = _STRING if value and isinstance(value[0], str) else _INT32
    items = b"".join(_string(item) if isinstance(item, str) else struct.pack("<i", item) for item in value)
    return struct.pack("<IIQ", _ARRAY, kind, len(value)) + items
