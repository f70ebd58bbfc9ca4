from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.evals.gsm8k import extract_flexible, extract_strict, matches, numerically_equal

if TYPE_CHECKING:
    from tests.evals.conftest import Rows


def test_agrees_with_every_published_verdict(rows: Rows) -> None:
    """Four models, 1,319 questions."""
    gold = {row["question"]: row["answer"] for row in rows("gsm8k/test.jsonl")}
    judged = [
        (model, row)
        for row in rows("gsm8k/example_model_solutions.jsonl")
        for model, solution in row.items()
        if isinstance(solution, dict)
    ]
    assert len(judged) == 5276
    for model, row in judged:
        answer, true = extract_flexible(row[model]["solution"]), gold[row["question"]]
        assert matches(answer, true) is row[model]["is_correct"]
        assert numerically_equal(answer, true) is row[model]["is_correct"]


def test_every_answer_of_the_data_is_found_in_its_own_solution(rows: Rows) -> None:
    """Strictly and flexibly."""
    for row in rows("gsm8k/test.jsonl"):
        assert matches(extract_strict(row["answer"]), row["answer"])
        assert matches(extract_flexible(row["answer"]), row["answer"])


@pytest.mark.parametrize(
    ("reply", "strict", "flexible"),
    [
        ("so 5 + 3.\n#### 8\n#### 9", "8", "9"),
        ("#### -1,200.50.", "-1,200.50.", "-1,200.50."),
        ("It is $18.", None, "$18."),
        ("The answer is 7, or 8", None, "8"),
        ("####8", None, "8"),
        ("none at all", None, None),
        ("", None, None),
        ("5 apples ...", None, "..."),
    ],
)
def test_finds_answers(reply: str, strict: str | None, flexible: str | None) -> None:
    """The first after the mark, and the last of all."""
    assert (extract_strict(reply), extract_flexible(reply)) == (strict, flexible)


def test_finds_answers_in_the_style_of_chain_of_thought() -> None:
    """Prompts whose examples end in `The answer is 5.`."""
    assert extract_strict("2 + 3 = 5. The answer is 5.", cot=True) == "5."
    assert extract_strict("#### 5", cot=True) is None


@pytest.mark.parametrize(
    ("answer", "gold", "found"),
    [
        ("$1,200.", "Some steps.\n#### 1200", (True, True)),
        ("18.00", "18", (False, True)),
        ("018", "18", (False, True)),
        ("17", "18", (False, False)),
        ("...", "18", (False, False)),
        ("1.2.3", "18", (False, False)),
        ("inf", "18", (False, False)),
        (None, "18", (False, False)),
    ],
)
def test_compares_as_text_and_as_numbers(answer: str | None, gold: str, found: tuple[bool, bool]) -> None:
    """Each under its own name."""
    assert (matches(answer, gold), numerically_equal(answer, gold)) == found
