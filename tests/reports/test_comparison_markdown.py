"""Verdicts in Markdown."""

from __future__ import annotations

from pytest_llmbench.records import VerdictRecord
from pytest_llmbench.reports.comparison_markdown import also_worse, drift_texts, one_start_texts
from pytest_llmbench.reports.rows import judged_cells
from tests.records import result_of
from tests.reports.making import compared, judged

SURE = {"rule": "sessions", "low": 0.11, "high": 0.2, "p": 1e-5, "alpha": 0.01, "detectable": 0.05}


def test_more_cells_are_named_once_the_build_has_failed() -> None:
    """By their false discovery rate; a build that passes names none."""
    worse = compared("ttft.p50", 0.01, 0.013, "regressed").model_copy(update={**SURE, "p": 1e-6})
    nearly = compared("ttft.p50", 0.01, 0.0108, "inconclusive").model_copy(update={**SURE, "p": 0.02})
    open_ = result_of(workload="open", verdict=judged("inconclusive", nearly))
    assert also_worse(judged_cells([open_])) == []
    (text,) = also_worse(judged_cells([open_, result_of(verdict=judged("regressed", worse))]))
    assert text.endswith("tiny-glm.llama.tp01.gpux00/open/c001 ttft.p50 +8.0 %")


def test_drift_is_named_with_its_anchor() -> None:
    """Whatever the newest baseline says."""
    drift = (compared("ttft.p50", 0.01, 0.02, "regressed"), compared("tpot.p50", 1, 1))
    verdict = VerdictRecord(verdict="pass", baseline="main", anchor="anchor", drift=drift)
    assert drift_texts(judged_cells([result_of(verdict=verdict)])) == [
        "drift: tiny-glm.llama.tp01.gpux00/short/c001 ttft.p50 +100 % against 'anchor'"
    ]


def test_what_one_start_did_is_told_and_counts_as_no_discovery() -> None:
    """Its p-value is small and means nothing."""
    lone = compared("ttft.p50", 0.01, 0.012, "inconclusive").model_copy(update={**SURE, "median": 0.004})
    worse = compared("ttft.p50", 0.01, 0.013, "regressed").model_copy(update={**SURE, "p": 1e-6})
    cells = judged_cells(
        [
            result_of(verdict=judged("regressed", worse)),
            result_of(workload="open", verdict=judged("inconclusive", lone)),
        ]
    )
    assert one_start_texts(cells) == [
        "one start: tiny-glm.llama.tp01.gpux00/open/c001 ttft.p50 +20 %, the median start +0.4 %"
    ]
    assert also_worse(cells) == []
