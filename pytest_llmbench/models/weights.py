"""Random half-precision weights that are the same bytes on every machine.

No floating-point arithmetic takes part: the bits come from SHAKE-256 and are arranged so that, read as
float16, they spread evenly between -2**n and 2**n.
"""

from __future__ import annotations

import hashlib
import struct

__all__ = ["constant_f32", "f16", "uniform_f16"]

_EXPONENT_BIAS = 15
_HALVINGS = 5


def uniform_f16(seed: str, count: int, power: int) -> bytearray:
    """Return `count` little-endian float16, about uniform in (-2**power, 2**power), drawn from `seed`."""
    random = hashlib.shake_256(seed.encode()).digest(2 * count)
    values = bytearray(2 * count)
    values[0::2] = random[:count]  # the low eight bits of the mantissa, as they come
    values[1::2] = random[count:].translate(_high_bytes(power))
    return values


def _high_bytes(power: int) -> bytes:
    """Map a random byte to sign, exponent and the two high bits of the mantissa.

    Half of the values lie in the upper half of the range, a quarter in the next lower octave, and so on.
    """
    positive: list[int] = []
    for halving in range(_HALVINGS + 1):
        exponent = power - 1 - halving + _EXPONENT_BIAS
        copies = max(1, 16 >> halving)
        positive += [exponent << 2 | quarter for quarter in range(4) for _ in range(copies)]
    return bytes(positive) + bytes(0x80 | high for high in positive)


def f16(value: float) -> bytes:
    """Return one little-endian float16; exact for the powers of two used here."""
    return struct.pack("<e", value)


def constant_f32(value: float, count: int) -> bytes:
    """Return `count` equal little-endian float32."""
    return struct.pack("<f", value) * count
