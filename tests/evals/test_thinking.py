from __future__ import annotations

import pytest

from pytest_llmbench.evals.thinking import split_thinking


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Yes.", ("", "Yes.")),
        ("\n<think>\nhm\n</think>\n\nYes.", ("hm", "Yes.")),
        ("hm, well\n</think>\nYes.", ("hm, well", "Yes.")),
        ("<think>hm, and then", ("hm, and then", "")),
        ("[THINK]hm[/THINK]Yes.", ("hm", "Yes.")),
        ("<|channel|>analysis<|message|>hm<|channel|>final<|message|>Yes.", ("hm", "Yes.")),
        ("Use <think> and </think> as tags.", ("", "Use <think> and </think> as tags.")),
        ("<think></think>Yes", ("", "Yes")),
        ("", ("", "")),
    ],
)
def test_thinking_stands_at_the_beginning(text: str, parts: tuple[str, str]) -> None:
    """With both tags, with the closing one only, or without an end; elsewhere tags are text."""
    assert split_thinking(text) == parts
