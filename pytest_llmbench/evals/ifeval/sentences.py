"""Sentences and words as NLTK's Punkt and Treebank tokenizers see them: IFEval is defined by these two."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmbench.evals.needs import needed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HOW_TO_GET_PUNKT", "Punkt", "find_punkt", "possible_sentences", "words"]

HOW_TO_GET_PUNKT = (
    "put NLTK's punkt_tab where it looks (python -m nltk.downloader punkt_tab, or NLTK_DATA=FOLDER),"
    " or below --bench-data-dir as nltk_data/tokenizers/punkt_tab"
)
_ENGLISH = Path("tokenizers", "punkt_tab", "english")
_END = re.compile(r"""(?<=[.?!"'\u2019\u201d\u00bb)\]}])\s+""")


class Punkt:
    """The English sentence splitter of Kiss and Strunk (2006), with NLTK's trained parameters.

    The parameters are read here, not by NLTK: it takes data only from folders it has been told of.
    """

    def __init__(self, folder: Path) -> None:
        """Read the four files of `folder`.

        Raises:
            Unavailable: NLTK is not installed.
        """
        module = needed("nltk.tokenize.punkt", extra="evals")
        parameters = module.PunktParameters()
        parameters.abbrev_types = set(_lines(folder / "abbrev_types.txt"))
        parameters.sent_starters = set(_lines(folder / "sent_starters.txt"))
        parameters.collocations = {tuple(line.split("\t")) for line in _lines(folder / "collocations.tab")}
        contexts = (line.rpartition("\t") for line in _lines(folder / "ortho_context.tab"))
        parameters.ortho_context = defaultdict(int, {word: int(flags) for word, _, flags in contexts})
        self._tokenizer = module.PunktSentenceTokenizer(parameters)

    def sentences(self, text: str) -> list[str]:
        """Split a text into its sentences."""
        found: list[str] = self._tokenizer.tokenize(text)
        return found


def _lines(path: Path) -> Iterator[str]:
    # Not splitlines(): that would split at what is part of a word here.
    yield from path.read_text(encoding="utf-8").rstrip("\n").split("\n")


@cache
def find_punkt(first: Path | None = None) -> Punkt | None:
    """Find Punkt's data in `first` (a folder like `nltk_data`), then where NLTK looks; None if it is nowhere.

    Raises:
        Unavailable: NLTK is not installed.
    """
    told = [Path(part) for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    usual = [Path(part) for part in needed("nltk.data", extra="evals").path]
    for folder in (*([first] if first else []), *told, *usual):
        if (folder / _ENGLISH / "ortho_context.tab").is_file():
            return Punkt(folder / _ENGLISH)
    return None


def words(sentence: str) -> list[str]:
    """Split a sentence into words as the Penn Treebank does: `IT'S` are two of them."""
    found: list[str] = _treebank().tokenize(sentence)
    return found


def possible_sentences(text: str) -> list[str]:
    """Split wherever a sentence could end: each of Punkt's is some of these in a row."""
    return _END.split(text)


@cache
def _treebank() -> Any:  # noqa: ANN401 - NLTK has no types
    return needed("nltk.tokenize.destructive", extra="evals").NLTKWordTokenizer()
