from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.errors import BaselineMissing, InvalidMeasurement, Regression, UsageError
from pytest_llmbench.judging import Judge
from tests.records import result_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord
    from pytest_llmbench.settings import Settings


def judge(results: Path, **options: Any) -> Judge:  # noqa: ANN401
    """Make a judge with these options."""
    settings = SimpleNamespace(get=lambda name: {"replicates": 1, **options}.get(name.replace("-", "_")))
    return Judge(cast("Settings", settings), results)


@pytest.fixture
def recorded(tmp_path: Path, environment: EnvironmentRecord) -> Path:
    """Give a results folder with a baseline of one session: a TTFT of 10 ms."""
    result = result_of(values={"ttft": 0.010})
    BaselineStore(tmp_path / "baselines").save("main", "s1", [result], "2026-01-01T00:00:00Z", environment)
    return tmp_path


def of(ttft: float, replicate: int = 1) -> ResultRecord:
    """Make a result with this TTFT."""
    return result_of(values={"ttft": ttft}, replicate=replicate)


def test_without_a_baseline_nothing_is_judged(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """The verdict is none, and nothing fails."""
    judged = judge(tmp_path).judge(of(0.01), "t", environment)
    assert judged.verdict.verdict == "none"
    assert Judge.failure(judged) is None


@pytest.mark.parametrize(("ttft", "verdict"), [(0.0101, "pass"), (0.030, "regressed"), (0.003, "improved")])
def test_each_result_is_compared(
    recorded: Path, environment: EnvironmentRecord, ttft: float, verdict: str
) -> None:
    """Only what is worse fails, with the metric in the first line."""
    judged = judge(recorded, compare="main").judge(of(ttft), "t", environment)
    assert judged.verdict.verdict == verdict
    failure = Judge.failure(judged)
    assert (failure is not None) == (verdict == "regressed")
    if failure is not None:
        assert isinstance(failure, Regression)
        assert "ttft.p50" in str(failure).splitlines()[0]


def test_the_last_replicate_is_judged_with_those_before(
    recorded: Path, environment: EnvironmentRecord
) -> None:
    """One bad replicate among good ones weighs what it weighs; tests do not mix."""
    by_two = judge(recorded, compare="main", replicates=2)
    assert by_two.judge(of(0.030), "other", environment).verdict.verdict == "none"
    assert by_two.judge(of(0.010), "t", environment).verdict.message == "judged with the last of 2 replicates"
    last = by_two.judge(of(0.0102, replicate=2), "t", environment)
    assert last.verdict.verdict == "pass"
    assert by_two.judge(of(0.030, replicate=2), "other", environment).verdict.verdict == "regressed"


def test_an_invalid_result_fails_as_what_it_is(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """With its reasons, and how requests failed."""
    result = of(0.01)
    validity = result.validity.model_copy(update={"valid": False, "reasons": ("too late",)})
    judged = judge(tmp_path).judge(result.model_copy(update={"validity": validity}), "t", environment)
    failure = Judge.failure(judged)
    assert isinstance(failure, InvalidMeasurement)
    assert str(failure).splitlines()[0] == "invalid measurement: too late"


def test_what_is_wrong_is_told_at_once(tmp_path: Path, recorded: Path) -> None:
    """Limits, names and baselines that do not exist."""
    with pytest.raises(UsageError, match="did you mean 'ttft'"):
        judge(tmp_path, compare_fail=("tftt.p50:10%",))
    with pytest.raises(UsageError, match=r"ttft\.p50 is limited twice"):
        judge(tmp_path, compare_fail=("ttft.p50:10%", "ttft.p50:20%"))
    with pytest.raises(UsageError, match="cannot name a baseline"):
        judge(tmp_path, save="a b")
    with pytest.raises(BaselineMissing, match="did you mean 'main'"):
        judge(recorded, compare="mian")
