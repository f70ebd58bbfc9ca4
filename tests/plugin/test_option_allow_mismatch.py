from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.fake_engine import FIRST

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def on_another_machine(entry: dict[str, Any]) -> None:
    """Make a stored session one of a larger machine, and of one faster than the engine can be."""
    entry["conditions"]["cpu_cores"] = 999
    for runs in entry["replicates"].values():
        for run in runs:
            run["ttft.p50"] = FIRST / 9


def test_other_conditions_refuse_to_compare(project: Project) -> None:
    """The facts are named, and the option that compares anyway; nothing is judged."""
    project("--bench-save=main").edit_baseline(on_another_machine)
    left = project("--bench-compare=main")
    assert left.code == 0, left.out
    assert left.result["verdict"]["verdict"] == "none"
    message = left.result["verdict"]["message"]
    assert "CPU cores: 999 in the baseline" in message
    assert "--bench-allow-mismatch" in message


def test_compares_anyway(project: Project, mode: list[str]) -> None:
    """The verdict is given, and the facts stay beside it."""
    project("--bench-save=main").edit_baseline(on_another_machine)
    left = project("--bench-compare=main", "--bench-allow-mismatch", *mode)
    assert left.code == 1, left.out
    assert left.result["verdict"]["verdict"] == "regressed"
    assert "CPU cores: 999 in the baseline" in left.result["verdict"]["message"]


@pytest.mark.parametrize(("word", "code"), [("yes", 1), ("off", 0)])
def test_is_a_word_in_the_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch, word: str, code: int
) -> None:
    """Yes or no, and nothing else."""
    project("--bench-save=main").edit_baseline(on_another_machine)
    monkeypatch.setenv("LLMBENCH_ALLOW_MISMATCH", word)
    assert project("--bench-compare=main").code == code


def test_refuses_other_words(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt yes is no silent no."""
    monkeypatch.setenv("LLMBENCH_ALLOW_MISMATCH", "ture")
    project().usage_error("LLMBENCH_ALLOW_MISMATCH: expected yes or no, not 'ture'")
