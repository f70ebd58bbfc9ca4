from __future__ import annotations

import pytest

from pytest_llmbench.evals.ifeval.language import detect_language

pytest.importorskip("langdetect")

_MIXED = "Das Wetter is fine und der Rest of it is nicht so gut"


def test_the_same_text_always_gets_the_same_answer() -> None:
    """Whatever was asked before, and even where two languages are about as likely."""
    first = detect_language(_MIXED)
    detect_language("Le temps est au beau fixe dans tout le nord du pays.")
    assert [detect_language(_MIXED) for _ in range(20)] == [first] * 20


def test_leaves_the_seed_of_others_alone() -> None:
    """Whoever uses the package in the same process has it as it was."""
    module = pytest.importorskip("langdetect.detector_factory")
    assert detect_language("The weather is fine in the north of the country.") == "en"
    assert module.DetectorFactory.seed is None


def test_knows_when_there_is_nothing_to_tell_by() -> None:
    """Digits and marks are of no language."""
    assert detect_language("12 + 3 = 15 !") is None
    assert detect_language("") is None
