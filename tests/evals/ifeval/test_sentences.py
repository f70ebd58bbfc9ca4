from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.evals.ifeval.reading import Reading
from pytest_llmbench.evals.ifeval.sentences import Punkt, find_punkt, possible_sentences, words
from pytest_llmbench.evals.ifeval.wholes import capital_word_frequency

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("nltk")


def test_punkt_knows_abbreviations(nltk_data: Path) -> None:
    """Not every full stop ends a sentence."""
    punkt = find_punkt(nltk_data)
    assert punkt is not None
    text = "Mr. Smith paid five dollars. He left at 5 p.m. on Monday!"
    assert punkt.sentences(text) == [
        "Mr. Smith paid five dollars.",
        "He left at 5 p.m. on Monday!",
    ]


def test_nltk_data_is_looked_for_where_the_environment_says(
    nltk_data: Path, monkeypatch: pytest.MonkeyPatch, no_punkt: None
) -> None:
    """NLTK_DATA is read when it is needed, not only when NLTK was imported."""
    assert no_punkt is None
    monkeypatch.setenv("NLTK_DATA", str(nltk_data))
    assert isinstance(find_punkt(), Punkt)


@pytest.mark.usefixtures("no_punkt")
def test_capital_words_need_punkt_only_where_it_matters() -> None:
    """`IT'S.` is two words at the end of a sentence and one inside: two bounds, and no verdict in between."""
    text = "IT'S. NOW"
    assert [words(part) for part in possible_sentences(text)] == [["IT", "'S", "."], ["NOW"]]
    assert words(text) == ["IT'S.", "NOW"]
    verdicts = [
        capital_word_frequency(Reading(text), {"capital_relation": "at least", "capital_frequency": bound})
        for bound in (2, 3, 4)
    ]
    assert verdicts == [True, None, False]
