"""From sessions to a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from pytest_llmbench.baselines.comparability import Conditions, Treatment
from pytest_llmbench.baselines.judge import FAILING, Rules, judge_cell, judge_sessions
from pytest_llmbench.baselines.limits import DEFAULT_LIMITS, parse_limits
from pytest_llmbench.baselines.model import Baseline, SessionEntry, entries_of
from pytest_llmbench.baselines.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from pytest_llmbench.baselines.values import Replicates
    from pytest_llmbench.records import EnvironmentRecord, ResultRecord, VerdictName, VerdictRecord

    MakeResult = Callable[..., ResultRecord]


def entry(values: dict[str, float], number: int = 0) -> SessionEntry:
    """Store a session of one run."""
    return SessionEntry(
        started_at=f"2026-01-{number + 1:02d}",
        conditions=Conditions(cpu="CPU", cpu_cores=2, protocol=1),
        treatment=Treatment(version="b1"),
        replicates={"1": (values,)} if values else {},
    )


def judge(
    before: dict[str, float] | list[dict[str, float]], now: dict[str, float], limits: str, **rules: float
) -> VerdictRecord:
    """Judge against `main`."""
    sessions = before if isinstance(before, list) else [before]
    entries = [entry(values, number) for number, values in enumerate(sessions)]
    reference = Reference(Baseline("main", {"c": {str(n): one for n, one in enumerate(entries)}}))
    return judge_sessions(entries, [{"1": (now,)}], reference, Rules(parse_limits(limits), **rules))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "verdict"),
    [(0.1, "pass"), (0.109, "pass"), (0.111, "regressed"), (0.091, "pass"), (0.089, "improved")],
)
def test_latency_is_worse_when_it_is_higher(now: float, verdict: VerdictName) -> None:
    """The limit is a fraction of the baseline, in both directions."""
    found = judge({"ttft.p50": 0.1}, {"ttft.p50": now}, "ttft.p50:10%")
    assert (found.verdict, found.rule, found.baseline, found.baseline_sessions) == (
        verdict,
        "threshold",
        "main",
        1,
    )
    assert found.comparisons[0].change == pytest.approx(now / 0.1 - 1)


@pytest.mark.parametrize(("now", "verdict"), [(96.0, "pass"), (94.0, "regressed"), (106.0, "improved")])
def test_throughput_is_worse_when_it_is_lower(now: float, verdict: VerdictName) -> None:
    """The same limit, mirrored."""
    assert (
        judge({"throughput_output": 100.0}, {"throughput_output": now}, "throughput_output:5%").verdict
        == verdict
    )


MIRROR: dict[VerdictName, VerdictName] = {"pass": "pass", "regressed": "improved", "improved": "regressed"}


@given(st.floats(1, 1e4), st.floats(-0.99, 3), st.integers(0, 99))
def test_directions_mirror_each_other(baseline: float, change: float, percent: int) -> None:
    """What is a regression of a latency is an improvement of a throughput, and nothing else differs."""
    now = baseline * (1 + change)
    lower = judge({"ttft.p50": baseline}, {"ttft.p50": now}, f"ttft.p50:{percent}%")
    higher = judge(
        {"throughput_output": baseline}, {"throughput_output": now}, f"throughput_output:{percent}%"
    )
    assume(abs(now - baseline) >= 0.001 or now == baseline)  # below it a latency's change is nothing
    assert higher.verdict == MIRROR[lower.verdict]


@given(st.floats(1e-9, 1e9), st.integers(1, 500))
def test_a_repeat_with_the_same_values_passes(value: float, percent: int) -> None:
    """Nothing changed, so no limit is broken."""
    assert judge([{"e2e.p50": value}] * 3, {"e2e.p50": value}, f"e2e.p50:{percent}%").verdict == "pass"


@given(st.floats(1e-5, 1e3), st.floats(0.01, 10), st.floats(1, 10))
def test_getting_worse_never_helps(baseline: float, factor: float, more: float) -> None:
    """If a value is regressed, a worse one is, too."""
    one = judge({"e2e.p50": baseline}, {"e2e.p50": baseline * factor}, "e2e.p50:10%").verdict
    worse = judge({"e2e.p50": baseline}, {"e2e.p50": baseline * factor * more}, "e2e.p50:10%").verdict
    order = ["improved", "pass", "regressed"]
    assert order.index(worse) >= order.index(one)


def test_a_large_fraction_of_next_to_nothing_is_nothing() -> None:
    """0.1 ms is no time to a person, though it is twice the baseline."""
    assert judge({"ttft.p50": 0.0001}, {"ttft.p50": 0.0002}, "ttft.p50:10%").verdict == "pass"
    assert judge({"ttft.p50": 0.01}, {"ttft.p50": 0.0112}, "ttft.p50:10%").verdict == "regressed"


def test_errors_are_judged_by_difference() -> None:
    """From none to some has no ratio; two points more of failures is two points, wherever it began."""
    assert judge({"error_rate": 0.0}, {"error_rate": 0.005}, "error_rate:1%").verdict == "pass"
    found = judge({"error_rate": 0.0}, {"error_rate": 0.03}, "error_rate:1%")
    assert found.verdict == "regressed"
    assert found.comparisons[0].change is None
    assert judge({"error_rate": 0.1}, {"error_rate": 0.115}, "error_rate:2%").verdict == "pass"
    assert judge({"error_rate": 0.1}, {"error_rate": 0.0}, "error_rate:2%").verdict == "improved"


def test_a_latency_up_from_zero_is_worse_by_any_fraction() -> None:
    """Chunks that came together have gaps of zero; a change from that has no finite ratio."""
    assert judge({"chunk_gap.p50": 0.0}, {"chunk_gap.p50": 0.01}, "chunk_gap.p50:10%").verdict == "regressed"
    assert judge({"chunk_gap.p50": 0.0}, {"chunk_gap.p50": 0.0}, "chunk_gap.p50:10%").verdict == "pass"
    tiny = judge({"throughput_output": 5e-324}, {"throughput_output": 1e3}, "throughput_output:5%")
    assert (tiny.verdict, tiny.comparisons[0].change) == ("improved", None)


def test_the_worst_metric_decides() -> None:
    """One regression among improvements fails; each comparison keeps its own verdict."""
    found = judge(
        {"ttft.p50": 1.0, "e2e.p50": 1.0, "tpot.p50": 1.0},
        {"ttft.p50": 0.5, "e2e.p50": 2.0, "tpot.p50": 1.0},
        "ttft.p50:10%,e2e.p50:10%,tpot.p50:10%",
    )
    assert found.verdict == "regressed"
    assert [c.verdict for c in found.comparisons] == ["improved", "regressed", "pass"]


def test_what_the_baseline_has_and_could_not_be_measured_is_missing() -> None:
    """A metric that disappeared must not turn the gate green; one the baseline lacks may be absent."""
    found = judge(
        {"ttft.p50": 1.0, "tpot.p50": 1.0}, {"ttft.p50": 1.0}, "ttft.p50:10%,tpot.p50:10%,itl.p50:10%"
    )
    assert found.verdict == "missing"
    assert found.verdict in FAILING
    assert "tpot.p50 could not be measured" in found.message
    assert "itl" not in found.message


def test_nothing_in_common_is_no_verdict() -> None:
    """A baseline without any limited metric cannot be compared with, and says so."""
    found = judge({"ttft.p50": 1.0}, {"ttft.p50": 1.0}, "itl.p50:10%")
    assert (found.verdict, found.rule) == ("none", "none")
    assert found.message == "nothing to compare: the baseline has none of itl.p50"


def test_sessions_are_averaged_in_logarithms() -> None:
    """The baseline's value is that of all its sessions."""
    found = judge([{"e2e.p50": 1.0}, {"e2e.p50": 4.0}, {}], {"e2e.p50": 2.0}, "e2e.p50:10%")
    assert found.comparisons[0].baseline == pytest.approx(2.0)
    assert found.baseline_sessions == 3


def baseline_of(environment: EnvironmentRecord, *sessions: list[ResultRecord]) -> Baseline:
    """Store sessions, the oldest first."""
    cells: dict[str, dict[str, object]] = {}
    for number, results in enumerate(sessions):
        for cell, entry in entries_of(results, f"2026-01-0{number + 1}", environment).items():
            cells.setdefault(cell, {})[f"s{number}"] = entry
    return Baseline("main", cells)  # type: ignore[arg-type]


def test_a_repeat_passes_and_three_times_slower_regresses(
    make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """The whole way, from records to verdict, with the default limits."""
    baseline = baseline_of(environment, [make_result()])
    assert judge_cell([make_result()], Reference(baseline), environment, Rules()).verdict == "pass"
    slow = make_result(
        values={"ttft": 0.0363, "tpot": 0.0039, "e2e": 0.42, "throughput_output": 233.0, "error_rate": 0}
    )
    verdict = judge_cell([slow], Reference(baseline), environment, Rules())
    assert verdict.verdict == "regressed"
    assert [c.metric for c in verdict.comparisons if c.verdict == "regressed"] == [
        "ttft.p50",
        "tpot.p50",
        "throughput_output",
    ]
    assert len(verdict.comparisons) == len(DEFAULT_LIMITS)


def test_a_new_cell_names_the_command_that_records_it(
    make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """It passes: there is nothing to be worse than."""
    verdict = judge_cell([make_result()], Reference(Baseline("main", {})), environment, Rules())
    assert verdict.verdict == "none"
    assert verdict.message == "not in baseline 'main'; record with: pytest -m bench --bench-save=main"


def test_an_invalid_result_is_not_judged(make_result: MakeResult, environment: EnvironmentRecord) -> None:
    """One invalid replicate makes the whole session's value one of nothing."""
    result = make_result(replicate=2)
    validity = result.validity.model_copy(update={"valid": False, "reasons": ("client too slow",)})
    results = [make_result(), result.model_copy(update={"validity": validity})]
    verdict = judge_cell(results, Reference(baseline_of(environment, [make_result()])), environment, Rules())
    assert verdict.verdict == "invalid"
    assert "client too slow" in verdict.message


def test_differing_conditions_refuse_naming_the_facts(
    make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """Another machine's numbers are not compared, unless the user insists; then the facts stay in sight."""
    baseline = baseline_of(environment, [make_result()])
    here = environment.model_copy(update={"cpu_cores": 64})
    refused = judge_cell([make_result()], Reference(baseline), here, Rules())
    assert (refused.verdict, refused.comparisons) == ("none", ())
    assert "CPU cores: 2 in the baseline, 64 now" in refused.message
    insisted = judge_cell([make_result()], Reference(baseline), here, Rules(allow_mismatch=True))
    assert insisted.verdict == "pass"
    assert "CPU cores: 2 in the baseline, 64 now" in insisted.message


def test_sessions_of_another_machine_are_left_aside(
    make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """A baseline may hold sessions of several machines; those like this one are used."""
    there = environment.model_copy(update={"cpu": "other"})
    here = entries_of([make_result()], "2026-01-01", environment)
    other = entries_of([make_result(values={"ttft": 9.0})], "2026-01-02", there)
    (cell,) = here
    baseline = Baseline("main", {cell: {"a": here[cell], "b": other[cell]}})
    verdict = judge_cell([make_result()], Reference(baseline), environment, Rules())
    assert (verdict.verdict, verdict.baseline_sessions) == ("pass", 1)


def test_saving_a_change_accepts_it(make_result: MakeResult, environment: EnvironmentRecord) -> None:
    """Once sessions of a new treatment are saved, those of the old one no longer count."""
    slow = make_result(values={"ttft": 0.05})
    new = slow.deployment.model_copy(update={"version": "b2"})
    slow = slow.model_copy(update={"deployment": new})
    old = baseline_of(environment, [make_result()], [make_result()])
    before = judge_cell([slow], Reference(old), environment, Rules(parse_limits("ttft.p50:10%")))
    assert (before.verdict, before.treatment, before.baseline_sessions) == (
        "regressed",
        ("version: b1 -> b2",),
        2,
    )
    accepted = baseline_of(environment, [make_result()], [make_result()], [slow])
    after = judge_cell([slow], Reference(accepted), environment, Rules(parse_limits("ttft.p50:10%")))
    assert (after.verdict, after.treatment, after.baseline_sessions) == ("pass", (), 1)


STEADY = [{"e2e.p50": value} for value in (1.0, 1.01, 0.99, 1.005, 0.995)]
WILD = [{"e2e.p50": value} for value in (1.0, 1.3, 0.75, 1.1, 0.9)]


@pytest.mark.parametrize(
    ("sessions", "now", "verdict"),
    [
        (STEADY, 1.0, "pass"),
        (STEADY, 1.1, "regressed"),
        (STEADY, 0.9, "improved"),
        (STEADY, 1.02, "inconclusive"),
        (WILD, 1.1, "inconclusive"),
        (WILD, 1.0, "inconclusive"),
        (WILD[:2], 1.2, "pass"),
    ],
)
def test_three_sessions_or_more_are_judged_by_their_noise(
    sessions: list[dict[str, float]], now: float, verdict: VerdictName
) -> None:
    """The same ten percent is a regression among steady sessions and nothing among wild ones."""
    found = judge(sessions, {"e2e.p50": now}, "e2e.p50:3%")
    assert found.verdict == verdict
    (comparison,) = found.comparisons
    if len(sessions) < 3:
        assert (found.rule, comparison.p) == ("threshold", None)
        return
    assert found.rule == "sessions"
    assert comparison.change == pytest.approx(now / comparison.baseline - 1)
    assert comparison.low is not None
    assert comparison.high is not None
    assert comparison.low < (comparison.change or 0) < comparison.high


def test_one_session_against_several_is_a_prediction_interval() -> None:
    """The p-value is that of scipy for a single new observation."""
    logs = np.log([values["e2e.p50"] for values in STEADY])
    (comparison,) = judge(STEADY, {"e2e.p50": 1.02}, "e2e.p50:3%").comparisons
    error = logs.std(ddof=1) * np.sqrt(1 + 1 / 5)
    assert comparison.p == pytest.approx(stats.t.sf((np.log(1.02) - logs.mean()) / error, 4))
    half = stats.t.isf(0.05, 4) * error
    assert comparison.high == pytest.approx(np.expm1(np.log(1.02) - logs.mean() + half))


def test_a_share_of_alpha_is_what_p_is_held_against() -> None:
    """One cell of many has to be surer; each metric takes its part, those without statistics none."""
    now = {"e2e.p50": 1.05}
    assert judge(STEADY, now, "e2e.p50:3%").verdict == "regressed"
    found = judge(STEADY, now, "e2e.p50:3%,ttft.p50:3%,error_rate:1%", alpha=0.001)
    assert found.comparisons[0].alpha == pytest.approx(0.0005)
    assert found.verdict == "inconclusive"
    assert (found.comparisons[0].detectable or 0) > 0.05


def test_other_cells_steady_a_noisy_estimate() -> None:
    """Three sessions know little of their own noise; twenty cells know it well."""
    few = {"c": STEADY[:3], **{f"other{n}": STEADY for n in range(20)}}
    cells = {
        cell: {str(n): entry(values, n) for n, values in enumerate(sessions)}
        for cell, sessions in few.items()
    }
    rules = Rules(parse_limits("e2e.p50:3%"), alpha=0.001)
    now: Replicates = {"1": ({"e2e.p50": 1.08},)}
    entries = list(cells["c"].values())
    alone = judge_sessions(entries, [now], Reference(Baseline("main", {"c": cells["c"]})), rules)
    together = judge_sessions(entries, [now], Reference(Baseline("main", cells)), rules)
    assert (alone.verdict, together.verdict) == ("inconclusive", "regressed")


def test_a_new_treatment_is_judged_by_the_noise_of_the_old() -> None:
    """One session of it is enough, where older treatments have told how much sessions vary."""
    old = [entry(values, n) for n, values in enumerate(STEADY)]
    new = entry({"e2e.p50": 2.0}, 9).model_copy(update={"treatment": Treatment(version="b2")})
    entries = [*old, new]
    reference = Reference(Baseline("main", {"c": {str(n): one for n, one in enumerate(entries)}}))
    rules = Rules(parse_limits("e2e.p50:3%"))
    found = judge_sessions(entries, [{"1": ({"e2e.p50": 2.2},)}], reference, rules)
    assert (found.verdict, found.rule, found.baseline_sessions) == ("regressed", "sessions", 1)
    assert judge_sessions(entries, [{"1": ({"e2e.p50": 2.0},)}], reference, rules).verdict != "regressed"


@pytest.mark.parametrize(("count", "verdict"), [(100.0, "pass"), (1000.0, "regressed")])
def test_a_percentile_of_too_few_requests_is_advisory(count: float, verdict: VerdictName) -> None:
    """It is compared and shown, and fails nobody."""
    sessions = [{"e2e.p99": values["e2e.p50"], "e2e.count": count} for values in STEADY]
    found = judge(sessions, {"e2e.p99": 2.0, "e2e.count": count}, "e2e.p99:3%")
    assert found.verdict == verdict
    assert found.comparisons[0].verdict == "regressed"
    assert found.comparisons[0].advisory == (verdict == "pass")


def test_errors_are_worse_only_beyond_every_session_of_the_baseline() -> None:
    """Some failures now and then are what this server does."""
    sessions = [{"error_rate": value} for value in (0.0, 0.05, 0.0, 0.0)]
    assert judge(sessions, {"error_rate": 0.05}, "error_rate:1%").verdict == "pass"
    found = judge(sessions, {"error_rate": 0.06}, "error_rate:1%")
    assert (found.verdict, found.rule) == ("regressed", "threshold")


def test_one_bad_start_of_three_is_not_the_servers_doing() -> None:
    """The mean of the three is far off; two of them are as ever. What all three share is a regression."""
    entries = [entry(values, n) for n, values in enumerate(STEADY)]
    reference = Reference(Baseline("main", {"c": {str(n): one for n, one in enumerate(entries)}}))
    rules = Rules(parse_limits("e2e.p50:3%"))

    def judged(*starts: float) -> VerdictRecord:
        now: Replicates = {str(n): ({"e2e.p50": value},) for n, value in enumerate(starts, 1)}
        return judge_sessions(entries, [now], reference, rules)

    lone, all_three = judged(1.0, 1.4, 1.01), judged(1.1, 1.15, 1.12)
    assert (lone.verdict, all_three.verdict) == ("inconclusive", "regressed")
    assert lone.comparisons[0].median == pytest.approx(0.01, abs=1e-3)
    assert lone.comparisons[0].change == pytest.approx(all_three.comparisons[0].change, abs=0.01)


STARTS = st.lists(st.floats(0.5, 2), min_size=1, max_size=5)


@given(st.lists(STARTS, min_size=1, max_size=6), STARTS, st.floats(1e-2, 1e2), st.randoms())
def test_neither_order_nor_unit_matters(
    stored: list[list[float]], now: list[float], unit: float, luck: Random
) -> None:
    """Of sessions and of starts; with another unit every value differs by the same factor."""

    def judged(sessions: list[list[float]], starts: list[float], factor: float) -> VerdictRecord:
        def measured(values: list[float]) -> Replicates:
            return {str(n): ({"throughput_output": value * factor},) for n, value in enumerate(values)}

        entries = [entry({}, 0).model_copy(update={"replicates": measured(values)}) for values in sessions]
        reference = Reference(Baseline("main", {"c": {str(n): one for n, one in enumerate(entries)}}))
        return judge_sessions(
            entries, [measured(starts)], reference, Rules(parse_limits("throughput_output:3%"))
        )

    one = judged(stored, now, 1.0).comparisons[0]
    other = judged(luck.sample(stored, len(stored)), luck.sample(now, len(now)), unit).comparisons[0]
    assert other.change == pytest.approx(one.change, abs=1e-9)
    assert (other.p is None) == (one.p is None)
    if one.p is not None:
        assert other.p == pytest.approx(one.p, abs=1e-6)
