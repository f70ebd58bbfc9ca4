from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.models.vocabulary import TokenType, build_vocabulary
from pytest_llmbench.models.words import CAPITALISED, PIECES, WORDS

VOCABULARY = build_vocabulary(("<|end|>",))
RANK = {tuple(merge.split(" ")): rank for rank, merge in enumerate(VOCABULARY.merges)}


def encode(word: str) -> list[str]:
    """Apply byte-pair merges in order of rank, as the engine does."""
    parts = list(word)
    while True:
        ranked = [(RANK[pair], at) for at, pair in enumerate(itertools.pairwise(parts)) if pair in RANK]
        if not ranked:
            return parts
        _, at = min(ranked)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


def test_words_are_single_tokens() -> None:
    """Every listed word, after a space, is one token."""
    assert [word for word in (*WORDS, *CAPITALISED) if len(encode("\u0120" + word)) > 1] == []


def test_word_lists_hold_no_word_twice() -> None:
    """A repeated word would be dead weight."""
    for words in (WORDS, CAPITALISED, PIECES):
        assert len(set(words)) == len(words)


def test_every_merge_makes_a_token() -> None:
    """The engine rejects merges whose result it does not know."""
    known = set(VOCABULARY.tokens)
    assert {merge.replace(" ", "") for merge in VOCABULARY.merges} <= known
    assert len(known) == len(VOCABULARY.tokens) == len(VOCABULARY.types)


def test_speakable_tokens_are_printable_ascii() -> None:
    """What a model says arrives as one chunk a token: no token ends inside a character."""
    texts = [VOCABULARY.tokens[number].replace("\u0120", " ") for number in VOCABULARY.speakable]
    assert len(texts) == len(WORDS) + 2
    assert all(text.isascii() and text.isprintable() and text.strip() for text in texts)


def test_special_tokens_are_control_and_last() -> None:
    """Special tokens follow the ordinary ones and cannot be said."""
    number = VOCABULARY.id_of("<|end|>")
    assert number == len(VOCABULARY.tokens) - 1
    assert VOCABULARY.types[number] == TokenType.CONTROL
    assert number not in VOCABULARY.speakable


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1))
def test_any_word_can_be_spelled(word: str) -> None:
    """Words outside the list fall apart into known pieces that join to the word again."""
    parts = encode("\u0120" + word)
    assert "".join(parts) == "\u0120" + word
    assert set(parts) <= set(VOCABULARY.tokens)
