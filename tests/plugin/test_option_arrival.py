from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

OPEN = """
    import pytest

    @pytest.mark.bench
    def test_open(bench, workload):
        bench(workload, rate=50, requests=4, warmup=1)
"""


@pytest.mark.parametrize("kind", ["poisson", "constant", "gamma"])
def test_chooses_the_process(project: Project, kind: str) -> None:
    """The process is in the report and in the cell's name."""
    project.suite(OPEN)
    left = project(f"--bench-arrival={kind}")
    left.measured()
    assert left.result["load"]["arrivals"]["kind"] == kind
    assert left.result["load"]["id"].startswith(kind)


def test_refuses_what_is_no_process(project: Project) -> None:
    """The nearest one is named."""
    project("--bench-arrival=poison").usage_error(
        "--bench-arrival: expected poisson, constant or gamma, not 'poison'"
    )
