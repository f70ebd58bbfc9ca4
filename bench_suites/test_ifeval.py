"""Whether a model follows instructions that a program can check: `pytest -m eval -k ifeval`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmbench import Evaluate


@pytest.mark.eval
def test_ifeval(evaluate: Evaluate, concurrency: int) -> None:
    """Ask all prompts; `eval: {floor: {ifeval.strict: 0.7}}` sets what must be reached."""
    evaluate("ifeval", concurrency=concurrency)
