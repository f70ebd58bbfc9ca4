"""For a job's summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.reports.markdown import render_markdown
from tests.records import result_of
from tests.reports.making import compared, judged, noted

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.reports.document import Document

    MakeDocument = Callable[..., Document]

SURE = {"rule": "sessions", "low": 0.11, "high": 0.2, "p": 1e-5, "alpha": 0.01, "detectable": 0.05}


def test_verdicts_come_first_the_worst_on_top(make: MakeDocument) -> None:
    """With the change, how sure, and what differs."""
    worse = compared("ttft.p50", 0.0121, 0.014, "regressed").model_copy(update=SURE)
    aside = ("session s3: ttft.p50 +20 % in most cells",)
    verdict = judged("regressed", worse, rule="sessions", treatment=("version: b1 -> b2",), set_aside=aside)
    fine = judged("pass", compared("ttft.p50", 0.01, 0.0101).model_copy(update={**SURE, "p": 0.6}))
    text = render_markdown(make(result_of(verdict=fine), result_of(workload="long", verdict=verdict)))
    lines = text.splitlines()
    assert lines[0] == "## against baseline 'main' (1 session, 1 set aside): 1 regressed, 1 pass"
    assert (
        "regressed | `tiny-glm.llama.tp01.gpux00/long/c001` | ttft.p50 | **+16 % (12.1 ms → 14.0 ms)**"
        in lines[4]
    )
    assert "+11 to +20 %" in lines[4]
    assert "pass | `tiny-glm.llama.tp01.gpux00/short/c001`" in lines[5]
    assert "- differs: `version: b1 -> b2`" in lines
    assert f"- set aside: {aside[0]}" in lines


def test_without_a_comparison_it_is_what_was_measured(make: MakeDocument) -> None:
    """Nothing in a text can break the table."""
    text = render_markdown(make(noted(result_of(), invalid="a|b <script>")))
    assert text.startswith("## 1 cell measured, 1 invalid")
    assert "a\\|b &lt;script>" in text
