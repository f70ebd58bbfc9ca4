"""One baseline against another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.baselines.comparability import Conditions
from pytest_llmbench.baselines.comparing import compare, newest
from pytest_llmbench.baselines.judge import ALPHA, Rules, judge_cell
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.model import entries_of
from pytest_llmbench.baselines.reference import Reference
from tests.baselines.entries import baseline_of, entry, parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.baselines.model import Baseline, SessionEntry
    from pytest_llmbench.records import EnvironmentRecord, ResultRecord

    MakeResult = Callable[..., ResultRecord]

RULES = Rules(parse_limits("ttft.p50:3%"))
NOISE = (0.99, 1.0, 1.01, 1.0)


def sessions(*values: float, name: str = "s", version: str = "b1") -> dict[str, SessionEntry]:
    """Make a session of one start for each TTFT, in seconds."""
    return {
        f"{name}{day}": entry({"ttft.p50": value}, day=day, version=version)
        for day, value in enumerate(values, 1)
    }


def pair(a: dict[str, SessionEntry], b: dict[str, SessionEntry]) -> tuple[Baseline, Baseline]:
    """Make two baselines of one cell."""
    return baseline_of([(parts(), a)]), baseline_of([(parts(), b)], "new")


def test_a_session_is_judged_as_a_test_would_judge_it(
    make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """The same verdict, to the last digit, as from the records of the session."""
    results = [make_result(values={"ttft": 0.5 * noise}) for noise in NOISE]
    cell = results[0].cell
    stored = {
        f"s{n}": entries_of([one], f"2026-11-0{n}", environment)[cell] for n, one in enumerate(results, 1)
    }
    a = baseline_of([(parts(), stored)])
    a = replace(a, cells={cell: stored})
    for slower in (1.0, 1.02, 1.2, 0.8):
        result = make_result(values={"ttft": 0.5 * slower})
        entries = entries_of([result], "2026-11-09", environment)
        b = replace(a, name="new", cells={cell: {"new": entries[cell]}})
        assert compare(a, b, RULES).verdicts[cell] == judge_cell([result], Reference(a), environment, RULES)


def test_more_sessions_are_surer() -> None:
    """What one session of B cannot tell, five can: their mean is compared."""
    slow = [0.5 * 1.04 * noise for noise in (1.0, 1.005, 1.005, 1.0, 1.0)]
    before = sessions(*(0.5 * noise for noise in (0.98, 1.0, 1.02, 1.0)))
    (one,) = compare(*pair(before, sessions(slow[0], name="n")), RULES).verdicts.values()
    (five,) = compare(*pair(before, sessions(*slow, name="n")), RULES).verdicts.values()
    assert (one.verdict, five.verdict) == ("inconclusive", "regressed")
    assert five.comparisons[0].candidate == pytest.approx(0.5 * 1.04 * 1.002, rel=1e-3)


def test_only_the_newest_treatment_is_judged() -> None:
    """An older one of B was accepted away."""
    mixed = {**sessions(0.9, name="old"), "new": entry({"ttft.p50": 0.5}, day=9, version="b2")}
    assert list(newest(mixed)) == ["new"]
    (verdict,) = compare(*pair(sessions(0.5, 0.5, 0.5), mixed), RULES).verdicts.values()
    assert (verdict.verdict, verdict.treatment) == ("pass", ("version: b1 -> b2",))


def test_alpha_is_shared_by_the_cells_that_both_have() -> None:
    """As by the tests of a session; what is on one side only is named and costs nothing."""
    values = sessions(0.5, 0.51, 0.49)
    a = baseline_of([(parts(concurrency=n), values) for n in (1, 2, 4)])
    b = baseline_of([(parts(concurrency=n), sessions(0.5, name="n")) for n in (2, 4, 8)], "new")
    found = compare(a, b, RULES)
    assert [cell[-4:] for cell in found.verdicts] == ["c002", "c004"]
    assert {one.comparisons[0].alpha for one in found.verdicts.values()} == {ALPHA / 2}
    assert [cell[-4:] for cell in (*found.only_a, *found.only_b)] == ["c001", "c008"]


def test_other_hardware_is_not_compared() -> None:
    """Unless that is asked for."""
    there = Conditions(cpu="CPU", cpu_cores=64, protocol=1)
    a, b = pair(sessions(0.5, 0.5, 0.5), {"n": entry({"ttft.p50": 0.9}, conditions=there)})
    (verdict,) = compare(a, b, RULES).verdicts.values()
    assert (verdict.verdict, "CPU cores: 2 in the baseline, 64 now" in verdict.message) == ("none", True)
    (verdict,) = compare(a, b, replace(RULES, allow_mismatch=True)).verdicts.values()
    assert verdict.verdict == "regressed"


def test_what_was_invalid_is_so_and_other_reasons_are_named() -> None:
    """A cell that B could not measure must not look as if all were well."""
    a, b = pair(sessions(0.5), {})
    (cell,) = a.cells
    b = replace(b, cells={}, left_out={cell: "invalid: the client was late", "other": "invalid: late"})
    found = compare(a, b, RULES)
    assert (found.verdicts[cell].verdict, found.left_out) == ("invalid", {"other": "invalid: late"})
    assert found.only_a == ()
    b = replace(b, left_out={cell: "measured beside others"})
    assert compare(a, b, RULES).left_out == {cell: "measured beside others"}


def test_what_drifted_from_the_anchor_is_told() -> None:
    """Whatever A says; the anchor decides nothing, and need not have the cell."""
    a, b = pair(sessions(1.0, 1.01, 0.99), sessions(1.0, name="n"))
    anchor = baseline_of([(parts(), sessions(0.8, 0.801, 0.799, name="old"))], "anchor")
    (verdict,) = compare(a, b, RULES, anchor).verdicts.values()
    assert (verdict.verdict, verdict.anchor) == ("inconclusive", "anchor")
    assert [(one.metric, one.verdict) for one in verdict.drift] == [("ttft.p50", "regressed")]
    (without_it,) = compare(a, b, RULES).verdicts.values()
    assert without_it == verdict.model_copy(update={"anchor": None, "drift": ()})
    elsewhere = baseline_of([(parts(concurrency=8), sessions(0.8, name="old"))], "anchor")
    assert compare(a, b, RULES, elsewhere).verdicts == compare(a, b, RULES).verdicts


def test_no_session_is_compared_with_itself() -> None:
    """A session of B that was saved in A as well would vouch for itself."""
    stored = sessions(1.0, 1.01, 0.99)
    slow = {"n1": entry({"ttft.p50": 1.5}, day=9)}
    a, b = pair({**stored, **slow}, slow)
    found = compare(a, b, RULES, replace(a, name="anchor"))
    assert found.shared == ("n1",)
    (verdict,) = found.verdicts.values()
    alone = compare(pair(stored, {})[0], b, RULES).verdicts
    assert (verdict.comparisons, verdict.baseline_sessions) == (*(v.comparisons for v in alone.values()), 3)
    assert verdict.drift == verdict.comparisons
    nothing = compare(b, b, RULES)
    assert (nothing.verdicts, nothing.shared) == ({}, ("n1",))
    assert list(nothing.left_out.values()) == ["new has no other session of it"]
