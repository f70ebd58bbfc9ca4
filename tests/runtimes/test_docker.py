from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import Unavailable
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.containers.daemon import connect, daemon_answers, daemon_shortage
from pytest_llmbench.runtimes.docker import Docker
from pytest_llmbench.runtimes.known import RUNTIMES
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYMENT = Deployment(model="m", source="org/m", backend="llama", runtime="docker", version="b1")


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
    monkeypatch.setattr("pytest_llmbench.runtimes.containers.daemon.daemon_answers", lambda _url: False)
    assert Docker().unavailable(DEPLOYMENT) == "needs Docker: no daemon at unix:///var/run/docker.sock"


def test_what_is_no_daemon_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Something else that listens there makes the deployment unavailable when it starts, in one sentence."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(path))
        daemon.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        assert Docker().unavailable(DEPLOYMENT) is None
        monkeypatch.setattr("pytest_llmbench.runtimes.containers.daemon._CALL_SECONDS", 0.5)
        with pytest.raises(Unavailable, match="needs Docker: "):
            connect()


def test_a_folder_called_docker_is_not_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This project has one, too: the package counts, a folder does not."""
    (tmp_path / "docker").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "docker", raising=False)
    assert daemon_shortage() == "needs the docker extra: pip install 'pytest-llmbench[docker]'"


def test_tcp_daemon() -> None:
    """A daemon on TCP is found, and one that is not there is not."""
    with socket.create_server(("127.0.0.1", 0)) as daemon:
        port = daemon.getsockname()[1]
        assert daemon_answers(f"tcp://127.0.0.1:{port}")
    assert not daemon_answers(f"tcp://127.0.0.1:{port}")
    assert not daemon_answers("tcp://127.0.0.1:no-port")


def test_every_runtime_is_known_by_its_name() -> None:
    """The names in a configuration lead to the runtimes."""
    assert sorted(RUNTIMES) == ["docker", "embedded", "external", "process"]
    assert all(runtime.name == name for name, runtime in RUNTIMES.items())
