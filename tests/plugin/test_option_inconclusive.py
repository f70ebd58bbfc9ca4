from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import WIDE

if TYPE_CHECKING:
    from tests.plugin.conftest import Left, Project


def wild(left: Left) -> None:
    """Make the one stored session three that differ so much that nothing can be said."""

    def edit(document: dict[str, Any]) -> None:
        (entry,) = document["sessions"].values()
        for number, factor in enumerate((0.02, 1.0, 50.0)):
            replicates = {
                key: [{name: value * factor for name, value in run.items()} for run in runs]
                for key, runs in entry["replicates"].items()
            }
            document["sessions"][f"s{number}"] = {**entry, "replicates": replicates}

    left.edit_documents(edit)


@pytest.mark.parametrize(("policy", "code", "results"), [("pass", 0, 1), ("fail", 1, 1), ("rerun", 0, 3)])
def test_what_becomes_of_an_open_verdict(project: Project, policy: str, code: int, results: int) -> None:
    """It passes and is counted, fails, or gets two replicates more, whose number is known beforehand."""
    wild(project("--bench-save=main"))
    left = project("--bench-compare=main", f"--bench-inconclusive={policy}")
    assert left.code == code, left.out
    assert len(left.results) == results
    assert left.results[-1]["verdict"]["verdict"] == "inconclusive"
    assert "1 inconclusive" in left.out
    assert left.unmeasured == []


def test_reruns_end_with_the_verdict(project: Project) -> None:
    """A test that has its verdict is not measured again, and is not missing."""
    project("--bench-save=main")
    left = project("--bench-compare=main", WIDE, "--bench-inconclusive=rerun")
    assert left.code == 0, left.out
    assert "1 passed, 2 skipped" in left.out
    assert len(left.results) == 1
    assert left.unmeasured == []


def test_names_the_policies(project: Project) -> None:
    """What is none is told with those there are."""
    project("--bench-inconclusive=retry").usage_error(
        "--bench-inconclusive: expected pass, rerun or fail, not 'retry'"
    )
