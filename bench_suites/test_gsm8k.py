"""Whether a model can do grade-school arithmetic: `pytest -m eval -k gsm8k`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmbench import Evaluate


@pytest.mark.eval
def test_gsm8k(evaluate: Evaluate, concurrency: int) -> None:
    """Ask all questions behind five examples; `eval: {floor: {gsm8k.strict: 0.9}}` sets a floor."""
    evaluate("gsm8k", concurrency=concurrency)
