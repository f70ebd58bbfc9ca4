from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench import cli
from pytest_llmbench.commands.examine import EXAMINATIONS

if TYPE_CHECKING:
    import pytest


def test_tells_what_there_is_and_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here, where the embedded engine is installed, exit code 0; what is missing has a remedy."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "ok  embedded" in out
    docker = out[out.index("--  Docker") :].splitlines()
    assert "no daemon at unix:///nowhere.sock" in docker[0]
    assert docker[1].strip().startswith("-> ")


def test_without_any_engine_it_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1 where nothing can be started, with the command that changes it."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert cli.main(["doctor"]) == 1
    assert "pip install 'pytest-llmbench[embedded]'" in capsys.readouterr().out


def test_wsl_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its kernel's name, with what is different there."""
    monkeypatch.setattr("platform.release", lambda: "6.6.87-microsoft-standard-WSL2")
    findings = [finding for examine in EXAMINATIONS[:1] for finding in examine()]
    assert [finding.subject for finding in findings] == ["Python", "WSL2"]
