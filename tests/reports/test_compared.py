"""One baseline against another, in every form."""

from __future__ import annotations

import json

from pytest_llmbench.baselines.comparing import compare
from pytest_llmbench.baselines.judge import Rules
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.model import Baseline
from pytest_llmbench.files import json_text
from pytest_llmbench.reports.compared import compared_document, compared_markdown, render_compared
from tests.baselines.entries import baseline_of, entry, parts

OLD = baseline_of(
    [
        (parts(concurrency=n), {f"s{day}": entry({"ttft.p50": 0.5}, day=day) for day in (1, 2, 3)})
        for n in (1, 4)
    ]
)
NEW = baseline_of(
    [(parts(concurrency=n), {"n": entry({"ttft.p50": 0.9}, version="b2")}) for n in (1, 8)], "new"
)
FOUND = compare(OLD, NEW, Rules(parse_limits("ttft.p50:3%")))


def test_the_table_is_that_of_a_session() -> None:
    """Verdict, suspect, and what is on one side only."""
    told = render_compared(FOUND, OLD, NEW, {})
    assert told.splitlines()[0] == "against baseline 'main' (3 sessions): 1 regressed"
    assert "differs: version: b1 -> b2" in told
    assert "only in A: 1 cell (short c004): not in new" in told
    assert "only in B: 1 cell (short c008): not in main" in told


def test_a_cell_of_which_nothing_is_known_is_told_by_its_name() -> None:
    """It was recorded before its parts were."""
    assert "\n  short     c001" in render_compared(FOUND, OLD, Baseline(NEW.name, NEW.cells), {})


def test_pages_and_programs_are_told_the_same() -> None:
    """Verdicts first."""
    page = compared_markdown(FOUND, OLD, NEW, {}).splitlines()
    assert page[0] == "## new against baseline 'main' (3 sessions): 1 regressed"
    assert "- differs: `version: b1 -> b2`" in page
    assert "- only in A: 1 cell (short c004): not in new" in page
    document = json.loads(json_text(compared_document(FOUND, OLD, NEW, {})))
    assert [cell["verdict"] for cell in document["cells"]] == ["regressed"]
    assert [cell[-4:] for cell in (*document["only_a"], *document["only_b"])] == ["c004", "c008"]
