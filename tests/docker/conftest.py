"""What tests on real containers share; `scripts/test-docker` sets up what they need."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.containers.daemon import connect, daemon_shortage
from pytest_llmbench.runtimes.containers.found import find_containers
from pytest_llmbench.runtimes.docker import Docker
from pytest_llmbench.spec.deployment import Deployment
from tests.docker.second_daemon import SecondDaemon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.containers.daemon import Client
    from pytest_llmbench.runtimes.containers.found import FoundContainer
    from pytest_llmbench.runtimes.containers.server import ContainerServer

IMAGE = os.environ.get("LLMBENCH_TEST_IMAGE", "")
"""A llama-server image; `scripts/test-docker` builds it."""
BASE = os.environ.get("LLMBENCH_TEST_BASE", "debian:bookworm-slim")
"""A Debian image to build small ones on."""


OWNERS = {os.getpid()}
"""Processes whose containers are these tests' own; what else lives on this host is none of their business."""


def ours(client: Client) -> list[FoundContainer]:
    """List the servers that processes of these tests started."""
    return [found for found in find_containers(client) if found.tag.owner.pid in OWNERS]


class Start(Protocol):
    """Starts a server in a container."""

    def __call__(self, context: dict[str, object] | None = None, /, **changes: object) -> ContainerServer:
        """Start tiny-glm with changes of its deployment and of the context."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip everything here where no container can be started, unless that was asked to be a failure."""
    here = Path(__file__).parent
    missing = daemon_shortage() or ("" if IMAGE else "needs LLMBENCH_TEST_IMAGE: run scripts/test-docker")
    if not missing:
        return
    if os.environ.get("LLMBENCH_TEST_DOCKER") == "required":
        pytest.exit(f"tests/docker cannot run: {missing}", returncode=1)
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(autouse=True)
def _own_cache(model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(model_cache))


@pytest.fixture
def client() -> Client:
    """Give a client of the daemon."""
    return connect()


@pytest.fixture(scope="session")
def second_daemon() -> Iterator[SecondDaemon]:
    """Have another daemon, with our image."""
    if SecondDaemon.missing():
        pytest.skip("needs root, dockerd and ip, to have a second daemon")
    with SecondDaemon() as running:
        running.load(b"".join(connect().images.get(IMAGE).save(named=True)))
        yield running


@pytest.fixture(autouse=True)
def _leaves_nothing(client: Client) -> Iterator[None]:
    """Hold every test to leaving no container of ours behind."""
    yield
    left = ours(client)
    names = [found.name for found in left]
    for found in left:
        found.container.remove(force=True, v=True)
    assert names == []


def boxed(**changes: object) -> Deployment:
    """Make the deployment of tiny-glm in a container, with changes."""
    whole: dict[str, object] = {
        "model": "tiny-glm",
        "source": "builtin:tiny-glm",
        "backend": "llama",
        "runtime": "docker",
        "image": IMAGE,
        "args": (("threads", 1),),
        **changes,
    }
    return Deployment.model_validate(whole)


@pytest.fixture
def context(tmp_path: Path) -> StartContext:
    """Give a context that says nothing special."""
    return StartContext(tmp_path / "server.log", session="test")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start containers; all are stopped at the end."""
    running: list[ContainerServer] = []

    def begin(context: dict[str, object] | None = None, /, **changes: object) -> ContainerServer:
        settings: dict[str, Any] = {"session": "test", **(context or {})}
        log = tmp_path / f"server-{len(running)}.log"
        running.append(Docker().start(boxed(**changes), StartContext(log, **settings)))
        return running[-1]

    yield begin
    for server in running:
        server.stop()
