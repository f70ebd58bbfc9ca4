from __future__ import annotations

import struct

import numpy as np

from pytest_llmbench.models.weights import constant_f32, f16, uniform_f16


def test_same_seed_same_bytes() -> None:
    """Weights depend on the seed alone; a known sample pins the recipe."""
    assert uniform_f16("seed", 1000, -3) == uniform_f16("seed", 1000, -3)
    assert uniform_f16("seed", 1000, -3) != uniform_f16("other", 1000, -3)
    assert uniform_f16("pinned", 4, -3).hex() == "90abffa9b02ed39b"


def test_values_are_about_uniform() -> None:
    """Read as float16 the values fill (-2**n, 2**n) evenly."""
    values = np.frombuffer(uniform_f16("spread", 100_000, -3), dtype="<f2").astype(float)
    assert np.isfinite(values).all()
    assert abs(values).max() < 2**-3
    assert abs(values.mean()) < 1e-3
    assert abs(values.std() - 2**-3 / 3**0.5) < 1e-3
    counts, _ = np.histogram(values, bins=8, range=(-0.125, 0.125))
    assert counts.min() > 11_500
    assert counts.max() < 13_500


def test_constants_are_little_endian() -> None:
    """Constants are laid out as the file format wants them."""
    assert f16(0.25) == b"\x00\x34"
    assert constant_f32(1.0, 3) == struct.pack("<3f", 1, 1, 1)
