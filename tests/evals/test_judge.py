from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmbench.baselines.model import Baseline, entries_of
from pytest_llmbench.evals.judge import judge_evaluation, judge_pairs
from tests.evals.records import eval_result, evaluation_of
from tests.records import result_of

if TYPE_CHECKING:
    from pytest_llmbench.records import EnvironmentRecord, ResultRecord, VerdictRecord


def _passed(count: int, failing: range = range(0)) -> dict[str, bool | None]:
    return {str(place): place not in failing for place in range(count)}


def _judged(
    before: ResultRecord,
    now: ResultRecord,
    environment: EnvironmentRecord,
    **more: Any,  # noqa: ANN401
) -> VerdictRecord:
    entries = entries_of([before], "2026-01-02T03:04:05Z", environment)
    baseline = Baseline("main", {cell: {"s": entry} for cell, entry in entries.items()})
    return judge_evaluation(now, baseline, environment, **more)


@pytest.mark.parametrize(
    ("lost", "gained", "verdict"),
    [
        (0, 0, "pass"),
        (3, 3, "pass"),
        (20, 4, "regressed"),
        (4, 20, "improved"),
        (20, 16, "inconclusive"),
        (5, 0, "inconclusive"),  # p 0.03, but less than one prompt in a hundred
    ],
)
def test_verdicts(environment: EnvironmentRecord, lost: int, gained: int, verdict: str) -> None:
    """By what changed, not by two percentages; a loss must be sure and must matter."""
    before = eval_result(_passed(541, range(100, 100 + gained)))
    now = eval_result(_passed(541, range(lost)))
    found = _judged(before, now, environment)
    assert found.verdict == verdict, found.message
    (pair,) = found.paired
    assert (len(pair.lost), len(pair.gained), pair.prompts) == (lost, gained, 541)
    assert pair.difference == pytest.approx((gained - lost) / 541)
    assert (found.rule, found.baseline_sessions) == ("paired", 1)


def test_the_chance_of_a_false_alarm_is_shared_by_all_evals(environment: EnvironmentRecord) -> None:
    """What is sure enough alone is not among forty."""
    before, now = eval_result(_passed(200)), eval_result(_passed(200, range(7)))
    assert _judged(before, now, environment).verdict == "regressed"
    assert _judged(before, now, environment, evals=40).verdict == "inconclusive"
    assert _judged(before, now, environment, evals=40).paired[0].alpha == pytest.approx(0.05 / 40)


def test_only_common_prompts_with_verdicts_are_compared(environment: EnvironmentRecord) -> None:
    """A subset is held to its part of the whole; what could not be told on one side counts for nothing."""
    before = eval_result({"a": True, "b": True, "c": None, "d": True})
    now = eval_result({"a": True, "c": True, "d": None}, asked=3, subset_seed=0)
    (pair,) = _judged(before, now, environment).paired
    assert (pair.prompts, pair.lost, pair.gained) == (1, (), ())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scorer": "sums 2"}, "scorer: sums 1 -> sums 2"),
        ({"dataset": "1" * 64}, "dataset: 000000000000 -> 111111111111"),
        ({"max_tokens": 50}, "max_tokens: 100 -> 50"),
        ({"settings": {"shots": 3}}, "settings: {} -> {'shots': 3}"),
    ],
)
def test_another_eval_is_not_compared(
    environment: EnvironmentRecord, change: dict[str, object], told: str
) -> None:
    """The facts that differ are named."""
    found = _judged(eval_result(_passed(9)), eval_result(_passed(9), **change), environment)
    assert (found.verdict, found.message) == (
        "none",
        f"not compared, because the eval was made another way: {told}",
    )


def test_without_a_baseline(environment: EnvironmentRecord) -> None:
    """Nothing is judged, and a cell that the baseline lacks names the command that records it."""
    now = eval_result(_passed(9))
    assert judge_evaluation(now, None, environment).verdict == "none"
    found = judge_evaluation(now, Baseline("main", {}), environment)
    assert found.message == "not in baseline 'main'; record with: pytest -m eval --bench-save=main"
    with pytest.raises(ValueError, match="is no eval"):
        judge_evaluation(result_of(), None, environment)


def test_floors_hold_without_a_baseline(environment: EnvironmentRecord) -> None:
    """And beside one."""
    now = eval_result(_passed(10, range(3)), floors={"right": 0.8, "other": 0.1})
    alone = judge_evaluation(now, None, environment)
    assert (alone.verdict, alone.rule) == ("regressed", "floor")
    assert alone.message == (
        "sums.right 70.0 % is below its floor 80 %; sums.other was not scored (floor 10 %)"
    )
    beside = _judged(eval_result(_passed(10, range(3))), now, environment)
    assert (beside.verdict, beside.rule, beside.paired[0].verdict) == ("regressed", "floor", "inconclusive")
    kept = eval_result(_passed(10, range(3)), floors={"right": 0.7})
    assert judge_evaluation(kept, None, environment).verdict == "none"


def test_scores_share_the_level() -> None:
    """Each is judged at its part of alpha; scores that one side lacks are left out."""
    then = evaluation_of({"a": True}, marked=("one", "two"), marks={"a": "++"})
    now = evaluation_of({"a": True}, marked=("two", "one", "three"), marks={"a": "-++"})
    found = judge_pairs(then, now, alpha=0.05)
    assert [(pair.score, pair.lost) for pair in found] == [("two", ("a",)), ("one", ())]
    assert [pair.alpha for pair in found] == [0.025, 0.025]
