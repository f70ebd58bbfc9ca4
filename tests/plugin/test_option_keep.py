from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmbench.runtimes.found_processes import find_processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.found_processes import FoundProcess
    from tests.plugin.conftest import Project


def _servers(model: str) -> list[FoundProcess]:
    return [found for found in find_processes() if found.tag.deployment.startswith(f"{model}.")]


@pytest.fixture
def model(project: Project, llama_program: str) -> Iterator[str]:
    """Have a model of a name of its own, served by a local process; what is left is ended afterwards."""
    # No other test's server is called as this folder is.
    name = f"tiny-{project.root.parent.parent.name}-{project.root.name}".lower().replace("_", "-")
    backend = {"runtime": "process", "program": llama_program, "args": {"threads": 1, "parallel": 1}}
    models = [
        {"id": name, "source": "builtin:tiny-glm", "gpus": [{"count": 0}], "backends": {"llama": backend}}
    ]
    (project.root / "config" / "models.yaml").write_text(json.dumps({"models": models}))
    yield name
    for found in _servers(name):
        found.end(at_once=True)
    assert _servers(name) == []


def test_a_replicate_is_a_fresh_start(project: Project) -> None:
    """Keeping a server and starting it afresh exclude each other; tests/docker has real containers."""
    project("--bench-keep", "--bench-replicates=2").usage_error("--bench-keep: a replicate is a fresh start")


def test_means_nothing_to_other_servers(project: Project) -> None:
    """A server that somebody else started is measured as ever."""
    project("--bench-keep").measured()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_later_session_uses_the_same_process(project: Project, model: str) -> None:
    """Two sessions, one server, which `llmbench` lists and ends; a third has one of its own."""

    def session(*options: str, starts: int = 1) -> dict[str, Any]:
        left = project(f"--bench-model={model}", *options, own_process=True)
        left.measured()
        assert left.report["session"]["server_starts"] == starts
        server: dict[str, Any] = left.result["server"]
        return server

    first = session("--bench-keep")
    (kept,) = _servers(model)
    assert kept.tag.owner.lives() is False
    assert kept.tag.session == Path(project.root, "results", "latest").resolve().name
    again = session("--bench-keep", starts=0)
    assert [found.pid for found in _servers(model)] == [kept.pid]
    assert (again["served_model"], again["facts"]) == (first["served_model"], first["facts"])
    assert (first["log"] is None, again["log"]) == (False, None)
    assert session()["served_model"] != first["served_model"]
    assert [found.pid for found in _servers(model)] == [kept.pid]
    command = [sys.executable, "-m", "pytest_llmbench.cli"]
    listed = subprocess.run([*command, "ps"], capture_output=True, text=True, check=True).stdout
    (line,) = (line.split() for line in listed.splitlines() if model in line)
    assert line[:5] == [kept.name, "process", "kept", "running", kept.address]
    stopped = subprocess.run([*command, "stop", kept.name], capture_output=True, text=True, check=True).stdout
    assert stopped == f"stopped {kept.name} (kept)\n"
    assert _servers(model) == []
