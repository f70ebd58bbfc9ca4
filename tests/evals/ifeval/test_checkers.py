from __future__ import annotations

from typing import Any

import pytest

from pytest_llmbench.evals.ifeval.keywords import KEYWORDS
from pytest_llmbench.evals.ifeval.layout import LAYOUT
from pytest_llmbench.evals.ifeval.lengths import LENGTHS
from pytest_llmbench.evals.ifeval.reading import Reading, holds
from pytest_llmbench.evals.ifeval.wholes import WHOLES

pytest.importorskip("langdetect")

_CHECKS = KEYWORDS | LAYOUT | LENGTHS | WHOLES
_LONG = "this is a plain sentence about the weather in the north of england and nothing else"

CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("keywords:existence", {"keywords": ["Cat", "dog"]}, "a CATalogue of dogs", True),
    ("keywords:existence", {"keywords": ["cat", "dog"]}, "a cat", False),
    ("keywords:existence", {"keywords": ["what?("]}, "is it what?(sic)", True),
    ("keywords:frequency", {"keyword": " so ", "frequency": 2, "relation": "at least"}, "So, also", True),
    ("keywords:frequency", {"keyword": "so", "frequency": 2, "relation": "less than"}, "So, also", False),
    ("keywords:forbidden_words", {"forbidden_words": ["can"]}, "A canteen", True),
    ("keywords:forbidden_words", {"forbidden_words": ["can"]}, "He CAN.", False),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 2, "let_relation": "at least"},
        "#a #b",
        True,
    ),
    (
        "keywords:letter_frequency",
        {"letter": "E", "let_frequency": 2, "let_relation": "less than"},
        "eE",
        False,
    ),
    ("detectable_format:number_bullet_lists", {"num_bullets": 3}, "* a\n  - b\n-c\n** no", True),
    ("detectable_format:number_bullet_lists", {"num_bullets": 1}, "* a\n* b", False),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 1}, "an *important* word", True),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 1}, "* *\n*a\nb*", False),
    ("detectable_format:title", {}, "<<A title>>\ntext", True),
    ("detectable_format:title", {}, "<<  >>", False),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        "Section 1\na\nSection2\nb",
        True,
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 1},
        "Section 1",
        False,
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', True),
    ("detectable_format:json_format", {}, 'Here: {"a": 1}', False),
    ("detectable_format:json_format", {}, "[" * 100_000, False),
    ("detectable_format:constrained_response", {}, "Well. My answer is maybe.", True),
    ("detectable_format:constrained_response", {}, "My answer is perhaps.", False),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name], [place]", True),
    ("detectable_content:number_placeholders", {"num_placeholders": 1}, "[na\nme]", False),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "End.\np. s. more", True),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "p.s. more", False),
    ("detectable_content:postscript", {"postscript_marker": "NB:"}, "nb: more", True),
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, "it's so", True),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "it's so", False),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\na\n***\nb\n***", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\n\n***\nb", False),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 1}, "a *** b", False),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Then"},
        'First.\n\n"then," he said',
        True,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"},
        "First.\n\n\n\nthen",
        False,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 1, "nth_paragraph": 2, "first_word": "then"},
        "then",
        False,
    ),
    ("language:response_language", {"language": "de"}, "Das ist ein Satz über das Wetter im Norden.", True),
    ("language:response_language", {"language": "de"}, _LONG, False),
    ("language:response_language", {"language": "de"}, "12345 !!", True),
    ("change_case:english_capital", {}, _LONG.upper(), True),
    ("change_case:english_capital", {}, "DAS IST EIN SATZ ÜBER DAS WETTER IM NORDEN.", False),
    ("change_case:english_lowercase", {}, _LONG, True),
    ("change_case:english_lowercase", {}, _LONG + " A", False),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 3, "capital_relation": "less than"},
        "A WELL-KNOWN word",
        True,
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "IT'S here",
        True,
    ),
    ("punctuation:no_comma", {}, "none; at all", True),
    ("punctuation:no_comma", {}, "one, at least", False),
    ("startend:quotation", {}, ' "All of it." ', True),
    ("startend:quotation", {}, '"', False),
    ("startend:end_checker", {"end_phrase": " That is all. "}, 'So "that is ALL."', True),
    ("startend:end_checker", {"end_phrase": "That is all."}, "That is all. Bye", False),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say Hi. "}, "  say hi. Hi!", True),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say hi."}, "Sure! Say hi.", False),
    ("combination:two_responses", {}, "******\nOne\n******\nTwo", True),
    ("combination:two_responses", {}, "One\n******\none\n******\nTwo", False),
    ("combination:two_responses", {}, "One\n******\n\n******\nTwo", False),
    ("combination:two_responses", {}, "Same\n******\nSame", False),
]


@pytest.mark.parametrize(("name", "wanted", "reply", "verdict"), CASES)
def test_follows_the_definition(
    name: str,
    wanted: dict[str, Any],
    reply: str,
    verdict: bool,  # noqa: FBT001
) -> None:
    """A reply that follows an instruction, and one that just does not."""
    assert _CHECKS[name](Reading(reply), wanted) is verdict


def test_every_instruction_is_tried() -> None:
    """All but the one that needs Punkt's data, which the published verdicts cover."""
    assert {name for name, *_ in CASES} == _CHECKS.keys() - {"length_constraints:number_sentences"}


def test_the_relation_must_be_one_of_two() -> None:
    """The data has no other."""
    with pytest.raises(ValueError, match="relation: expected 'less than' or 'at least', not 'about'"):
        holds(1, "about", 2)
