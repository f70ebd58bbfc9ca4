from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import WIDE

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_starts_every_server_afresh(project: Project, mode: list[str]) -> None:
    """Replicate by replicate (A1 B1 A2 B2), one start each, however tests are distributed."""
    left = project("--bench-replicates=2", "--bench-model=tiny-glm,tiny-llama", *mode)
    left.measured()
    assert left.report["session"]["server_starts"] == 4
    order = [(result["deployment"]["model"], result["replicate"]) for result in left.results]
    if "-n2" in mode:  # one worker has all of a deployment
        order = sorted(order, key=lambda place: place[1])
        assert sorted(order) == [("tiny-glm", 1), ("tiny-glm", 2), ("tiny-llama", 1), ("tiny-llama", 2)]
    else:
        assert order == [("tiny-glm", 1), ("tiny-llama", 1), ("tiny-glm", 2), ("tiny-llama", 2)]
    names = {result["server"]["served_model"] for result in left.results}
    assert len(names) == 4
    assert len({result["cell"] for result in left.results}) == 2


def test_judges_with_the_last(project: Project) -> None:
    """Earlier replicates are not compared on their own, and a baseline may have had fewer."""
    project("--bench-save=main")
    left = project("--bench-compare=main", "--bench-replicates=2", WIDE)
    assert left.code == 0, left.out
    first, last = left.results
    assert (first["verdict"]["verdict"], first["verdict"]["message"]) == (
        "none",
        "judged with the last of 2 replicates",
    )
    assert last["verdict"]["verdict"] == "pass"


@pytest.mark.parametrize("value", ["0", "x"])
def test_refuses_what_is_no_number(project: Project, value: str) -> None:
    """At least one."""
    project(f"--bench-replicates={value}").usage_error(
        "--bench-replicates: expected a whole number of at least 1"
    )
