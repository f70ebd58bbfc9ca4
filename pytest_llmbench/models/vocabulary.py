"""A byte-level BPE vocabulary made from a word list, without training.

Every word is spelled from its front: `Ġ t`, `Ġt h`, `Ġth e`. These merges come before those of the
pieces, so the longest known prefix of a word is taken first and the pieces share out the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from pytest_llmbench.models.words import CAPITALISED, PIECES, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["TokenType", "Vocabulary", "build_vocabulary"]

_PRINTABLE = (*range(33, 127), *range(161, 173), *range(174, 256))
_SPACE = "\u0120"
_SPOKEN_MARKS = (".", ",")


class TokenType(IntEnum):
    """Kinds of token in a GGUF file."""

    NORMAL = 1
    CONTROL = 3


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens by id, the merges in order of rank, and which tokens a model may say.

    `speakable` are the ids of whole words and of `.` and `,`: each is printable ASCII by itself, so a
    server sends it as one chunk. (A token that ends inside a UTF-8 character waits for the next one.)
    """

    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    speakable: frozenset[int]

    def id_of(self, token: str) -> int:
        """Return the id of a token; ValueError if there is none."""
        return self.tokens.index(token)


def build_vocabulary(special: Sequence[str]) -> Vocabulary:
    """Make the vocabulary: 256 bytes, then what the words need, then the `special` control tokens."""
    merges: dict[str, None] = {}
    tokens = dict.fromkeys(_byte_characters())
    words = [_SPACE + word for word in (*WORDS, *CAPITALISED)]
    for spelled in (*words, *PIECES):
        _spell(spelled, merges, tokens)
    ids = {token: number for number, token in enumerate(tokens)}
    spoken = (*(_SPACE + word for word in WORDS), *_SPOKEN_MARKS)
    return Vocabulary(
        tokens=(*tokens, *special),
        types=(TokenType.NORMAL,) * len(tokens) + (TokenType.CONTROL,) * len(special),
        merges=tuple(merges),
        speakable=frozenset(ids[token] for token in spoken),
    )


def _spell(word: str, merges: dict[str, None], tokens: dict[str, None]) -> None:
    for end in range(1, len(word)):
        merges[f"{word[:end]} {word[end]}"] = None
        tokens[word[: end + 1]] = None


def _byte_characters() -> Iterable[str]:
    """Yield the character that stands for each byte: itself where printable, else one above U+0100."""
    stand_in = 256
    for byte in range(256):
        if byte in _PRINTABLE:
            yield chr(byte)
        else:
            yield chr(stand_in)
            stand_in += 1
