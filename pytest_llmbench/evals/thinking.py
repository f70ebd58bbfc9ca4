"""Telling what a model thought from what it answered."""

from __future__ import annotations

__all__ = ["split_thinking"]

_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)


def split_thinking(text: str) -> tuple[str, str]:
    """Return (thinking, answer) of a reply.

    Thinking stands at the beginning, between tags. Where the chat template has written the opening one, only
    the closing one is in the reply; where the reply was cut off while thinking, there is no answer.
    """
    begin = text.lstrip()
    for opening, closing in _TAGS:
        if begin.startswith(opening):
            thinking, _, answer = begin.removeprefix(opening).partition(closing)
            return thinking.strip(), answer.lstrip()
    for opening, closing in _TAGS:
        before, found, answer = text.partition(closing)
        if found and opening not in before:
            return before.strip(), answer.lstrip()
    return "", text
