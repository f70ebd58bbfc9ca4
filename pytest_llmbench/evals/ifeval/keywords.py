"""Instructions on which words and letters a reply holds, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.evals.ifeval.reading import holds, pattern

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pytest_llmbench.evals.ifeval.reading import Check, Reading

__all__ = ["KEYWORDS"]


def existence(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """All of these occur, in whatever case, also inside of words."""
    return all(pattern(keyword).search(reply.text) for keyword in wanted["keywords"])


def frequency(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """One occurs so often, in whatever case, also inside of words."""
    found = pattern(wanted["keyword"].strip()).findall(reply.text)
    return holds(len(found), wanted["relation"], wanted["frequency"])


def forbidden_words(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """None of these occurs as a word of its own."""
    return not any(pattern(word, r"\b", r"\b").search(reply.text) for word in wanted["forbidden_words"])


def letter_frequency(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """A character occurs so often, in whatever case.

    The reference draws a letter at random where the data says `#` (key 1122) or `!` (key 1129); here the
    character is what the data says.
    """
    count = reply.text.lower().count(wanted["letter"].strip().lower())
    return holds(count, wanted["let_relation"], wanted["let_frequency"])


KEYWORDS: dict[str, Check] = {
    "keywords:existence": existence,
    "keywords:frequency": frequency,
    "keywords:forbidden_words": forbidden_words,
    "keywords:letter_frequency": letter_frequency,
}
