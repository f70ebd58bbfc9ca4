from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import Unavailable
from pytest_llmbench.runtimes import RUNTIMES
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.docker import Docker, daemon_answers
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYMENT = Deployment(model="m", source="org/m", backend="vllm", runtime="docker")


def test_gpus_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two things missing, the one that no installation cures is told."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    wanted = DEPLOYMENT.model_copy(update={"gpus": 64})
    assert (Docker().unavailable(wanted) or "").startswith("needs 64 GPUs, found ")


def test_no_daemon_names_the_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a daemon the reason names where it was sought; starting raises the same."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert Docker().unavailable(DEPLOYMENT) == "needs Docker: no daemon at unix:///nowhere.sock"
    with pytest.raises(Unavailable, match=r"no daemon at unix:///nowhere.sock"):
        Docker().start(DEPLOYMENT, StartContext(tmp_path / "log"))


def test_default_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `DOCKER_HOST` the usual socket is tried."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr("pytest_llmbench.runtimes.docker.daemon_answers", lambda _url: False)
    assert Docker().unavailable(DEPLOYMENT) == "needs Docker: no daemon at unix:///var/run/docker.sock"


def test_with_a_daemon_the_version_is_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With everything there the reason says what to do instead."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(path))
        daemon.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        assert "use --bench-url" in (Docker().unavailable(DEPLOYMENT) or "")


def test_tcp_daemon() -> None:
    """A daemon on TCP is found, and one that is not there is not."""
    with socket.create_server(("127.0.0.1", 0)) as daemon:
        port = daemon.getsockname()[1]
        assert daemon_answers(f"tcp://127.0.0.1:{port}")
    assert not daemon_answers(f"tcp://127.0.0.1:{port}")
    assert not daemon_answers("tcp://127.0.0.1:no-port")


def test_every_runtime_is_known_by_its_name() -> None:
    """The names in a configuration lead to the runtimes."""
    assert sorted(RUNTIMES) == ["docker", "embedded", "external"]
    assert all(runtime.name == name for name, runtime in RUNTIMES.items())
