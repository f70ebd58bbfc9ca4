"""`--bench-tp`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.plugin.conftest import Project


def test_degrees_of_a_running_server(project: Project) -> None:
    """A server that runs already is taken at the word of the command line; its GPUs follow."""
    left = project("--bench-tp=2,4", "--bench-url=fake=" + project.url)
    assert left.code == 0, left.out
    assert {(result["deployment"]["tp"], result["deployment"]["gpus"]) for result in left.results} == {
        (2, 2),
        (4, 4),
    }


def test_what_cannot_be_is_dropped(project: Project) -> None:
    """The rest is run, and the header says that there was more."""
    left = project("--bench-tp=2,4", "--bench-gpus=2", f"--bench-url=fake={project.url}")
    assert left.result["deployment"]["tp"] == 2
    assert "llmbench: 1 impossible combinations dropped (llmbench matrix)" in left.out


def test_it_must_be_a_number(project: Project) -> None:
    """Or `auto`."""
    project("--bench-tp=two").usage_error("--bench-tp: expected whole numbers of at least 1, or auto")


def test_from_the_environment(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong, and what is shown, is called by the variable; what is given here, by its flag."""
    monkeypatch.setenv("LLMBENCH_TP", "2")
    out = project("--bench-show-config", "--bench-gpus=2").out
    assert re.search(r"tp +2 +LLMBENCH_TP$", out, re.MULTILINE), out
    assert re.search(r"gpus +2 +--bench-gpus$", out, re.MULTILINE), out
    monkeypatch.setenv("LLMBENCH_TP", "two")
    project().usage_error("LLMBENCH_TP: expected whole numbers of at least 1, or auto, not 'two'")
    project("--bench-tp=three").usage_error("--bench-tp: expected whole numbers of at least 1")
