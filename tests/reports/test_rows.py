"""Which results are shown, and in which order."""

from __future__ import annotations

from pytest_llmbench.reports.rows import by_deployment, judged_cells, last_replicates, verdict_of
from tests.records import result_of
from tests.reports.making import judged, noted


def test_the_last_replicate_carries_the_verdict() -> None:
    """Earlier replicates of a cell are part of its judgement, not cells of their own."""
    results = [result_of(workload=w, replicate=r) for r in (1, 2) for w in ("short", "long")]
    alone = result_of(workload="alone")
    assert last_replicates([*results, alone]) == [*results[2:], alone]


def test_replicates_of_a_cell_follow_each_other() -> None:
    """They are measured far apart, and compared by whoever reads the table."""
    results = [
        result_of(deployment=d, workload=w, replicate=r)
        for r in (1, 2)
        for d in ("b", "a")
        for w in ("y", "x")
    ]
    groups = by_deployment(results)
    assert list(groups) == ["b", "a"]
    assert [(r.workload.id, r.replicate) for r in groups["a"]] == [("y", 1), ("y", 2), ("x", 1), ("x", 2)]


def test_an_invalid_result_is_nothing_else() -> None:
    """Whatever a comparison made of it."""
    assert verdict_of(noted(result_of(verdict=judged("pass")), invalid="late")) == "invalid"
    assert verdict_of(result_of(verdict=judged("pass"))) == "pass"


def test_a_judged_cell_has_its_last_verdict() -> None:
    """Of an A/B it is side B's; what is invalid is so whatever was compared."""
    late = noted(result_of(verdict=judged("pass")), invalid="late")
    first = result_of(workload="long", concurrency=8, verdict=judged("none"))
    last = result_of(workload="long", concurrency=8, replicate=2, verdict=judged("regressed"))
    side_a = result_of(workload="other")
    side_a = side_a.model_copy(update={"deployment": side_a.deployment.model_copy(update={"side": "a"})})
    cells = judged_cells([late, first, last, side_a])
    assert [(one.workload, one.load, one.concurrency, one.verdict.verdict) for one in cells] == [
        ("short", "c001", 1, "invalid"),
        ("long", "c008", 8, "regressed"),
    ]
