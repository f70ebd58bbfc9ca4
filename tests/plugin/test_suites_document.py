"""The suite of docs/suites.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.markers import ARGUMENTS, MARKERS

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

DOCUMENT = Path(__file__).parents[2] / "docs" / "suites.md"


def test_the_example_runs_as_it_stands(project: Project) -> None:
    """Each kind of measurement it shows; only its limits are wider here, for machines that are busy."""
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    example = example.replace("2.0", "200.0").replace("ttft.p90=2s", "ttft.p90=200s")
    example = example.replace("> words", "> 0")  # the fake engine counts no prompts
    project.suite(example)
    left = project("--bench-url", f"fake={project.url}")
    left.measured()
    cells = {result["cell"].partition("/")[2] for result in left.results}
    assert {"tiny/c001", "tiny/c004", "question/poisson.r0002", "question/poisson.r0004"} <= cells
    assert {"question/ramp.r0001-r0008", "question/c004", "words10/c001", "words100/c001"} <= cells
    (capacity,) = (result["search"] for result in left.results if result["search"])
    assert capacity["best"] == 4
    assert sum(entry.attrib["name"] == "overhead_s" for entry in left.junit.iter("property")) == 2


def test_every_argument_of_the_marker_is_in_the_document() -> None:
    """And in the marker's own description, which `pytest --markers` prints."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition("## The marker")[2].partition("## Measuring")[0]
    for name in ARGUMENTS:
        assert f"`{name}`" in section
        assert name in MARKERS[0]
