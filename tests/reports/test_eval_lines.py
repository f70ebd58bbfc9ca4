"""What the summary, and a failed test, say of evals."""

from __future__ import annotations

from pytest_llmbench.evals.judge import judge_pairs
from pytest_llmbench.records import ScoreRecord, VerdictRecord
from pytest_llmbench.reports.eval_lines import eval_lines
from pytest_llmbench.reports.eval_wording import eval_notes, failure_message, score_text
from pytest_llmbench.reports.findings import names_of
from tests.evals.records import eval_result, evaluation_of
from tests.records import result_of

PASSED = {str(place): place >= 30 for place in range(100)}
BETTER = {str(place): True for place in range(100)}


def test_scores_are_told_with_their_intervals() -> None:
    """Benchmarks are not told of here."""
    result = eval_result(PASSED)
    (line,) = eval_lines([result, result_of()], names_of([result], ()))
    assert (line.label, line.text) == ("eval", "sums c004, 100 prompts: right 70.0 % (60.4-78.1)")
    unscored = ScoreRecord(mean=None, passed=0, scored=0, unscored=3, low=0, high=1)
    assert score_text(unscored) == "unscored"


def test_a_comparison_names_the_prompts_that_changed() -> None:
    """As many as a line holds."""
    paired = judge_pairs(evaluation_of(BETTER), evaluation_of(PASSED), alpha=0.05)
    verdict = VerdictRecord(
        verdict="regressed", rule="paired", baseline="main", paired=paired, treatment=("version: b1 -> b2",)
    )
    result = eval_result(PASSED, floors={"right": 0.8}).model_copy(update={"verdict": verdict})
    lines = eval_lines([result], names_of([result], ()))
    changed = "right 100.0 % -> 70.0 % (30 lost, 0 gained of 100 prompts, p 9.3e-10)"
    keys = " ".join(map(str, range(20)))
    assert [line.text for line in lines[1:]] == [
        "sums.right 70.0 % is below its floor 80 %",
        f"sums c004: {changed}",
        f"right: 30 lost: {keys} and 10 more in the report",
        "differs: version: b1 -> b2",
    ]
    assert result.evaluation is not None
    told = failure_message(result, result.evaluation).splitlines()
    assert told == [
        f"sums.right 70.0 % is below its floor 80 %; sums.{changed}",
        f"{result.cell}: regressed against baseline 'main', paired by prompt (exact McNemar test)",
        f"right: 30 lost: {keys} and 10 more in the report",
        "changed since: version: b1 -> b2",
        "replies: replies/sums.jsonl, in the session's folder",
    ]


def test_an_inconclusive_comparison_says_what_it_would_have_found() -> None:
    """In points, four times in five."""
    now = {**BETTER, "1": False}
    paired = judge_pairs(evaluation_of(BETTER), evaluation_of(now), alpha=0.05)
    verdict = VerdictRecord(verdict="inconclusive", rule="paired", baseline="main", paired=paired)
    result = eval_result(now).model_copy(update={"verdict": verdict})
    text = eval_lines([result], names_of([result], ()))[1].text
    assert text.endswith("; a loss of 6.2 points would be found four times in five")


def test_what_was_not_compared_says_why() -> None:
    """In the words of the verdict."""
    verdict = VerdictRecord(verdict="none", baseline="main", message="not in baseline 'main'")
    result = eval_result(PASSED).model_copy(update={"verdict": verdict})
    assert eval_lines([result], names_of([result], ()))[1].text == "sums c004: not in baseline 'main'"


def test_notes_tell_what_a_reader_of_the_scores_should_know() -> None:
    """And nothing where all is well."""
    well = evaluation_of(PASSED, repeated=4, same=4, template_checked=8, template_agreed=8)
    assert eval_notes(well, "") == []
    notes = eval_notes(
        evaluation_of(
            {"a": None, "b": True},
            prompts=9,
            subset_seed=3,
            truncated=1,
            repeated=4,
            same=3,
            template_checked=8,
            template_agreed=6,
            template_tokens=0,
            retried=1,
            resumed=1,
        ),
        "get the data",
    )
    assert notes == [
        "a subset: 2 of 9 prompts, drawn with seed 3",
        "1 of 2 replies were cut off at 100 tokens",
        "1 verdict missing: get the data",
        "the server is not deterministic: 1 of 4 prompts asked twice were answered otherwise the second time",
        (
            "the chat template is not what it seems: 2 of 8 prompts had other numbers of tokens than the"
            " server counts when it renders them"
        ),
        "the server's chat template adds nothing to a prompt",
        "1 prompt asked again after the connection failed",
        "1 of 2 replies were resumed from an interrupted session",
    ]
