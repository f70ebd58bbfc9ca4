from __future__ import annotations

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.quants import choose_gguf

FILES = [
    "README.md",
    "mmproj-F16.gguf",
    "Tiny-Q4_K_M.gguf",
    "Tiny-Q8_0.gguf",
    "BF16/Tiny-BF16-00001-of-00002.gguf",
    "BF16/Tiny-BF16-00002-of-00002.gguf",
]


def test_quantization_ignores_case() -> None:
    """The quantization is found whatever its case."""
    assert choose_gguf(FILES, "a/b", "q4_k_m") == ["Tiny-Q4_K_M.gguf"]


def test_shards_come_in_order() -> None:
    """All shards of one model are one choice, the first first."""
    assert choose_gguf(reversed(FILES), "a/b", "bf16") == FILES[4:]


def test_exact_quantization_wins() -> None:
    """A quantization that is part of another's name means the one it names."""
    names = ["t-Q4_K.gguf", "t-Q4_K_M.gguf", "t-IQ4_K.gguf"]
    assert choose_gguf(names, "a/b", "Q4_K") == ["t-Q4_K.gguf"]


def test_unknown_quantization_lists_what_there_is() -> None:
    """A quantization the repository lacks is answered with those it has."""
    with pytest.raises(UsageError, match=r"no GGUF files named Q5_K: write a/b:QUANT .* BF16, Q4_K_M, Q8_0"):
        choose_gguf(FILES, "a/b", "Q5_K")


def test_no_quantization_needs_one_model() -> None:
    """Without a quantization the repository must hold one model."""
    assert choose_gguf(["only.gguf"], "a/b", None) == ["only.gguf"]
    with pytest.raises(UsageError, match="several GGUF files"):
        choose_gguf(FILES, "a/b", None)
    with pytest.raises(UsageError, match="has no GGUF file"):
        choose_gguf(["README.md"], "a/b", "Q8_0")
