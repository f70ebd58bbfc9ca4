"""Instructions on how long a reply is, and what its parts are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmbench.evals.ifeval.reading import holds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pytest_llmbench.evals.ifeval.reading import Check, Reading

__all__ = ["LENGTHS"]

_WORD = re.compile(r"\w+")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_WORD_ENDS = re.compile(r"[.,?!'\"]")


def number_words(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """So many words, where a word is a run of letters, digits and underscores."""
    return holds(len(_WORD.findall(reply.text)), wanted["relation"], wanted["num_words"])


def number_sentences(reply: Reading, wanted: Mapping[str, Any]) -> bool | None:
    """So many sentences; cannot be said without Punkt's data."""
    if reply.sentences is None:
        return None
    return holds(len(reply.sentences), wanted["relation"], wanted["num_sentences"])


def number_paragraphs(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """Exactly so many paragraphs between `***`.

    A divider at the start or the end does no harm, two in a row fail.
    """
    parts = [part.strip() for part in _DIVIDER.split(reply.text)]
    inner = parts[1:-1]
    if not all(inner):
        return False
    return sum(map(bool, parts)) == int(wanted["num_paragraphs"])


def nth_paragraph_first_word(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """Exactly so many paragraphs between blank lines, and the nth of them begins with a word.

    The nth is counted with empty ones, the number without.
    """
    parts = [part.strip() for part in reply.text.split("\n\n")]
    number, nth = sum(map(bool, parts)), wanted["nth_paragraph"]
    if nth > number or not parts[nth - 1]:
        return False
    first = parts[nth - 1].split()[0].lstrip("'").lstrip('"')
    word = _WORD_ENDS.split(first)[0].lower()
    return number == wanted["num_paragraphs"] and word == str(wanted["first_word"]).lower()


LENGTHS: dict[str, Check] = {
    "length_constraints:number_words": number_words,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:nth_paragraph_first_word": nth_paragraph_first_word,
}
