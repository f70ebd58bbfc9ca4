from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.errors import InvalidMeasurement, Regression, UsageError
from pytest_llmbench.judging import Judge
from pytest_llmbench.settings import Settings
from tests.records import result_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord


def judge(results: Path, **options: Any) -> Judge:  # noqa: ANN401
    """Make a judge with these options."""
    given = SimpleNamespace(**{f"bench_{name}": value for name, value in options.items()})
    config = SimpleNamespace(option=given, getini=lambda _name: None, inipath=None)
    return Judge(Settings(cast("pytest.Config", config), {}), results)


@pytest.fixture
def recorded(tmp_path: Path, environment: EnvironmentRecord) -> Path:
    """Give a results folder with a baseline of one session: a TTFT of 10 ms."""
    result = result_of(values={"ttft": 0.010})
    BaselineStore(tmp_path / "baselines").save("main", "s1", [result], "2026-01-01T00:00:00Z", environment)
    return tmp_path


def one(
    judge: Judge, result: ResultRecord, test: str, environment: EnvironmentRecord, side: str = ""
) -> ResultRecord:
    """Judge a test's only result."""
    (judged,) = judge.judge([result], test, environment, side=side)
    return judged


def of(ttft: float, replicate: int = 1) -> ResultRecord:
    """Make a result with this TTFT."""
    return result_of(values={"ttft": ttft}, replicate=replicate)


def test_without_a_baseline_nothing_is_judged(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """The verdict is none, and nothing fails."""
    judged = one(judge(tmp_path), of(0.01), "t", environment)
    assert judged.verdict.verdict == "none"
    assert judge(tmp_path).failure(judged) is None


@pytest.mark.parametrize(("ttft", "verdict"), [(0.0101, "pass"), (0.030, "regressed"), (0.003, "improved")])
def test_each_result_is_compared(
    tmp_path: Path, recorded: Path, environment: EnvironmentRecord, ttft: float, verdict: str
) -> None:
    """Only what is worse fails, with the metric in the first line."""
    judged = one(judge(recorded, compare="main"), of(ttft), "t", environment)
    assert judged.verdict.verdict == verdict
    failure = judge(tmp_path).failure(judged)
    assert (failure is not None) == (verdict == "regressed")
    if failure is not None:
        assert isinstance(failure, Regression)
        assert "ttft.p50" in str(failure).splitlines()[0]


def test_the_last_replicate_is_judged_with_those_before(
    recorded: Path, environment: EnvironmentRecord
) -> None:
    """One bad replicate among good ones weighs what it weighs; tests do not mix."""
    by_two = judge(recorded, compare="main", replicates=2)
    assert one(by_two, of(0.030), "other", environment).verdict.verdict == "none"
    assert one(by_two, of(0.010), "t", environment).verdict.message == "judged with the last of 2 replicates"
    last = one(by_two, of(0.0102, replicate=2), "t", environment)
    assert last.verdict.verdict == "pass"
    assert one(by_two, of(0.030, replicate=2), "other", environment).verdict.verdict == "regressed"


def test_an_invalid_result_fails_as_what_it_is(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """With its reasons, and how requests failed."""
    result = of(0.01)
    validity = result.validity.model_copy(update={"valid": False, "reasons": ("too late",)})
    judged = one(judge(tmp_path), result.model_copy(update={"validity": validity}), "t", environment)
    failure = judge(tmp_path).failure(judged)
    assert isinstance(failure, InvalidMeasurement)
    assert str(failure).splitlines()[0] == "invalid measurement: too late"


def test_what_is_wrong_is_told_at_once(tmp_path: Path, recorded: Path) -> None:
    """Limits, names and baselines that do not exist."""
    with pytest.raises(UsageError, match=r"^--bench-compare-fail: limit .*did you mean 'ttft'"):
        judge(tmp_path, compare_fail=("tftt.p50:10%",))
    with pytest.raises(UsageError, match=r"ttft\.p50 is limited twice"):
        judge(tmp_path, compare_fail=("ttft.p50:10%", "ttft.p50:20%"))
    with pytest.raises(UsageError, match="cannot name a baseline"):
        judge(tmp_path, save="a b")
    with pytest.raises(UsageError, match=r"^--bench-compare: .*did you mean 'main'"):
        judge(recorded, compare="mian")


def test_a_comparisons_option_without_one_is_told(tmp_path: Path, recorded: Path) -> None:
    """A gate that never closes would look like one that is open."""
    with pytest.raises(UsageError, match=r"^--bench-compare-fail has no effect without --bench-compare or"):
        judge(tmp_path, compare_fail=("ttft.p50:10%",))
    assert judge(recorded, compare="main", compare_fail=("ttft.p50:10%",)).baseline
    assert judge(tmp_path, ab=("B=arg.threads=1",), compare_fail=("ttft.p50:10%",)).has_sides


def on(side: str, ttft: float, replicate: int) -> ResultRecord:
    """Make one side's result."""
    result = of(ttft, replicate)
    return result.model_copy(update={"deployment": result.deployment.model_copy(update={"side": side})})


def test_side_b_is_judged_against_side_a_pair_by_pair(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """What both have in common cancels, however wild; the last replicate of B carries the verdict."""
    sides = judge(tmp_path, ab=("B=arg.threads=1",), replicates=5, compare_fail=("ttft.p50:3%",))
    verdicts = []
    for replicate, wild in enumerate((0.1, 0.3, 0.05, 0.2, 0.15), 1):
        noise = 1 + 0.001 * replicate
        first = one(sides, on("a", wild, replicate), "t", environment, side="a")
        assert first.verdict.baseline is None
        second = on("b", wild * 1.1 * noise, replicate)
        verdicts.append(one(sides, second, "t", environment, side="b").verdict)
    assert [verdict.verdict for verdict in verdicts] == ["none"] * 4 + ["regressed"]
    last = verdicts[-1]
    assert (last.rule, last.baseline) == ("pairs", "B=arg.threads=1")
    assert last.comparisons[0].change == pytest.approx(0.1, abs=0.01)


def test_an_invalid_pair_leaves_no_verdict(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """Side B is not judged against what was not measured."""
    sides = judge(tmp_path, ab=("B=arg.threads=1",), replicates=1)
    bad = on("a", 0.1, 1)
    validity = bad.validity.model_copy(update={"valid": False, "reasons": ("too late",)})
    one(sides, bad.model_copy(update={"validity": validity}), "t", environment, side="a")
    verdict = one(sides, on("b", 0.1, 1), "t", environment, side="b").verdict
    assert (verdict.verdict, "too late" in verdict.message) == ("invalid", True)


def test_side_b_alone_is_missing_its_other_side(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """As `--lf` leaves it: what was slower must not turn green because nothing is compared."""
    sides = judge(tmp_path, ab=("B=arg.threads=1",), replicates=3)
    judged = one(sides, on("b", 0.1, 3), "t", environment, side="b")
    assert judged.verdict.verdict == "missing"
    first, second = str(sides.failure(judged)).splitlines()
    assert first.startswith("side A was not measured in this session")
    assert second.endswith("missing against side A of this session (B=arg.threads=1)")


def test_pairs_are_added_by_twos(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """The first of them begins with side B, the second with side A: a verdict comes with the second."""
    sides = judge(tmp_path, ab=("B=arg.threads=1",), replicates=3, inconclusive="rerun")
    assert list(sides.looks) == [3, 5]
    verdicts = {}
    for replicate, change in enumerate((1.5, 0.7, 1.0, 1.0, 1.0), 1):
        order = "ba" if replicate in {2, 4} else "ab"
        for side in order:
            value = 0.1 * (change if side == "b" else 1)
            verdicts[side, replicate] = one(sides, on(side, value, replicate), "t", environment, side).verdict
    assert verdicts["b", 3].message == "inconclusive; 2 more replicates may decide"
    assert verdicts["b", 3].comparisons[0].alpha == pytest.approx(0.05 / 2 / 3)
    assert verdicts["b", 4].message == "judged with the last of 5 replicates"
    assert not sides.settled("t")
    assert verdicts["b", 5].verdict == "inconclusive"


@pytest.fixture
def noisy(tmp_path: Path, environment: EnvironmentRecord) -> Path:
    """Give a results folder with a baseline of five sessions that differ much."""
    store = BaselineStore(tmp_path / "baselines")
    for number, ttft in enumerate((0.10, 0.13, 0.08, 0.11, 0.09)):
        store.save("main", f"s{number}", [of(ttft)], f"2026-01-0{number + 1}", environment)
    return tmp_path


def test_inconclusive_is_what_the_policy_says(noisy: Path, environment: EnvironmentRecord) -> None:
    """It passes, fails, or waits for replicates whose number was fixed beforehand, at a split alpha."""
    for policy, fails in (("pass", False), ("fail", True)):
        plain = judge(noisy, compare="main", inconclusive=policy)
        judged = one(plain, of(0.105), "t", environment)
        assert judged.verdict.verdict == "inconclusive"
        assert (plain.failure(judged) is not None) == fails
        assert plain.settled("t") is False
    again = judge(noisy, compare="main", inconclusive="rerun", compare_fail=("ttft.p50:3%",))
    assert again.reruns == 2
    first = one(again, of(0.105), "t", environment).verdict
    assert first.message == "inconclusive; 2 more replicates may decide"
    assert first.comparisons[0].alpha == pytest.approx(0.05 / 3)
    assert one(again, of(0.9, 2), "t", environment).verdict.verdict == "regressed"
    assert again.settled("t")


def test_alpha_is_shared_by_the_tests_that_were_collected(
    noisy: Path, environment: EnvironmentRecord
) -> None:
    """And within a test by its cells."""
    judging = judge(noisy, compare="main", compare_fail=("ttft.p50:3%",))
    judging.expect({"t", "u"})
    other = of(0.1).model_copy(update={"cell": "another"})
    first, _ = judging.judge([of(0.1), other], "t", environment)
    assert first.verdict.comparisons[0].alpha == pytest.approx(0.05 / 2 / 2)


def test_a_marker_says_what_is_gated(noisy: Path, environment: EnvironmentRecord) -> None:
    """Its limits stand for the option's, its delta for all of theirs."""
    judging = judge(noisy, compare="main")
    marker = {"limits": "ttft.p50:20%", "delta": "50%"}
    (judged,) = judging.judge([of(0.1)], "t", environment, marker)
    assert [(c.metric, c.limit) for c in judged.verdict.comparisons] == [("ttft.p50", 0.5)]
    with pytest.raises(UsageError, match="did you mean 'ttft'"):
        Judge.check({"limits": "tftt.p50:1%"})


def test_drift_is_seen_against_the_anchor(noisy: Path, environment: EnvironmentRecord) -> None:
    """A baseline that moved along does not hide it, and it fails nobody."""
    store = BaselineStore(noisy / "baselines")
    for number in range(5):
        ttft = 0.01 * (1 + 0.001 * number)
        store.save("anchor", f"a{number}", [of(ttft)], f"2025-01-0{number + 1}", environment)
    judging = judge(noisy, compare="main", compare_fail=("ttft.p50:3%",))
    judged = one(judging, of(0.1), "t", environment)
    assert judged.verdict.anchor == "anchor"
    assert judged.verdict.drift[0].verdict == "regressed"
    assert judging.failure(judged) is None


def test_one_bad_start_is_measured_again(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """It fails nothing by itself: `rerun` adds two more starts, and they decide."""
    store = BaselineStore(tmp_path / "baselines")
    for number, noise in enumerate((1.0, 1.01, 0.99, 1.005, 0.995)):
        starts = [of(0.1 * noise, replicate) for replicate in (1, 2, 3)]
        store.save("main", f"s{number}", starts, f"2026-01-0{number + 1}", environment)
    options = {"compare": "main", "compare_fail": ("ttft.p50:3%",), "replicates": 3}

    def measured(judging: Judge, *ttfts: float) -> list[ResultRecord]:
        return [one(judging, of(ttft, n), "t", environment) for n, ttft in enumerate(ttfts, 1)]

    for policy, message in (
        ("pass", None),
        ("fail", "one start decides nothing: ttft.p50 +45 %, the median"),
    ):
        judging = judge(tmp_path, inconclusive=policy, **options)
        last = measured(judging, 0.1, 0.3, 0.101)[-1]
        assert last.verdict.verdict == "inconclusive"
        failure = judging.failure(last)
        assert (message or "") in str(failure)
        assert (failure is None) == (message is None)
    for more, verdict in (((0.1, 0.1), "inconclusive"), ((0.3, 0.3), "regressed")):
        again = judge(tmp_path, inconclusive="rerun", **options)
        assert measured(again, 0.1, 0.3, 0.101, *more)[-1].verdict.verdict == verdict


def test_an_ab_has_no_other_baseline(recorded: Path) -> None:
    """One comparison a session."""
    with pytest.raises(UsageError, match="leave out --bench-compare"):
        judge(recorded, ab=("B=arg.threads=1",), compare="main")
