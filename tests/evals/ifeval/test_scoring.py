from __future__ import annotations

from typing import Any

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.evals.ifeval import SCORER, ReplyScore, score_reply

pytest.importorskip("langdetect")


def row(*instructions: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Make a prompt with these instructions."""
    return {
        "key": 7,
        "instruction_id_list": [name for name, _ in instructions],
        "kwargs": [wanted for _, wanted in instructions],
    }


def test_loose_forgives_a_first_and_a_last_line_and_asterisks() -> None:
    """Each alone, and all together."""
    prompt = row(("startend:quotation", {}), ("punctuation:no_comma", {}))
    score = score_reply(prompt, 'Sure, here it is:\n**"So it is."**\nAnything else, perhaps?')
    assert score == ReplyScore([False, False], [True, True])
    assert (score.prompt_strict, score.prompt_loose) == (False, True)


@pytest.mark.parametrize("reply", ["", "  \n "])
def test_nothing_follows_nothing(reply: str) -> None:
    """Not even an instruction that asks for an absence."""
    assert score_reply(row(("punctuation:no_comma", {})), reply) == ReplyScore([False], [False])


def test_a_prompt_that_is_scored_in_part_is_unscored() -> None:
    """Else prompts would count only where they fail."""
    assert ReplyScore([False, None], [True, None]).prompt_strict is None
    assert ReplyScore([False, None], [True, None]).prompt_loose is None


def test_arguments_that_are_null_are_as_good_as_none() -> None:
    """The hub's copy of the data gives each instruction all arguments there are."""
    assert score_reply(row(("punctuation:no_comma", {"num_words": None})), "Yes").strict == [True]


def test_a_row_that_cannot_be_scored_is_named() -> None:
    """With what is wrong, and the nearest that is right."""
    with pytest.raises(UsageError, match=r"IFEval prompt 7: unknown instruction .* did you mean 'startend:q"):
        score_reply(row(("startend:quotations", {})), "Yes")
    with pytest.raises(UsageError, match=r"prompt 7: keywords:existence cannot be checked with \{\}"):
        score_reply(row(("keywords:existence", {})), "Yes")


def test_the_scorer_has_a_version() -> None:
    """It is stored with every result."""
    assert SCORER == "llmbench-ifeval 1"
