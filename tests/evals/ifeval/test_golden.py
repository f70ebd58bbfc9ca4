from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.evals.ifeval import INSTRUCTIONS, score_reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.evals.conftest import Rows

pytest.importorskip("langdetect")


@pytest.mark.parametrize(
    ("golden", "strict", "loose"),
    [("golden_gpt4", (417, 698), (431, 714)), ("golden_gpt4_shift1", (61, 151), (67, 166))],
)
def test_agrees_with_the_reference(
    rows: Rows, nltk_data: Path, golden: str, strict: tuple[int, int], loose: tuple[int, int]
) -> None:
    """On every prompt and every instruction, with replies that fit their prompts and ones that do not."""
    prompts = {row["key"]: row for row in rows("ifeval/input_data.jsonl")}
    replies = {row["key"]: row["response"] for row in rows("ifeval/gpt4_responses.jsonl")}
    verdicts = rows(f"ifeval/{golden}.jsonl")
    assert len(verdicts) == 541
    scores = [
        score_reply(prompts[row["key"]], replies[row["response_key"]], nltk_data=nltk_data)
        for row in verdicts
    ]
    for row, score in zip(verdicts, scores, strict=True):
        assert (score.strict, score.loose) == (row["strict"], row["loose"]), row["key"]
        assert (score.prompt_strict, score.prompt_loose) == (row["prompt_strict"], row["prompt_loose"])
    assert _totals([score.strict for score in scores]) == strict
    assert _totals([score.loose for score in scores]) == loose


def _totals(verdicts: list[list[bool | None]]) -> tuple[int, int]:
    """Count the prompts and the instructions that were followed."""
    return sum(map(all, verdicts)), sum(sum(map(bool, row)) for row in verdicts)


def test_knows_every_instruction_of_the_data(rows: Rows) -> None:
    """The 25 types, and none that the data does not have."""
    used = {name for row in rows("ifeval/input_data.jsonl") for name in row["instruction_id_list"]}
    assert used == INSTRUCTIONS.keys()
    assert len(used) == 25


@pytest.mark.usefixtures("no_punkt")
def test_without_punkt_only_counting_sentences_is_unscored(rows: Rows) -> None:
    """All other verdicts are those of the reference: nothing changes silently."""
    prompts = {row["key"]: row for row in rows("ifeval/input_data.jsonl")}
    replies = {row["key"]: row["response"] for row in rows("ifeval/gpt4_responses.jsonl")}
    unscored = 0
    for row in rows("ifeval/golden_gpt4.jsonl"):
        score = score_reply(prompts[row["key"]], replies[row["response_key"]])
        for name, strict, loose, true in zip(
            row["instruction_id_list"], score.strict, score.loose, row["strict"], strict=True
        ):
            if name == "length_constraints:number_sentences":
                assert strict is loose is None
            else:
                assert strict == true
        unscored += score.prompt_strict is None
    assert unscored == 46
