from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.runtimes.embedded import Embedded
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from pytest_llmbench.runtimes.embedded import EmbeddedServer


class Start(Protocol):
    """Starts an embedded server that is stopped after the test."""

    def __call__(self, **changes: object) -> EmbeddedServer:
        """Start tiny-glm with changes of its deployment."""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give all tests here one cache directory that is not the user's."""
    directory = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMBENCH_CACHE_DIR", str(directory))
        yield directory


def deployment(**changes: object) -> Deployment:
    """Make the deployment of tiny-glm, embedded, with changes."""
    whole: dict[str, object] = {
        "model": "tiny-glm",
        "source": "builtin:tiny-glm",
        "backend": "llama",
        "runtime": "embedded",
        **changes,
    }
    return Deployment.model_validate(whole)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start embedded servers; all are stopped at the end."""
    running: list[EmbeddedServer] = []

    def begin(**changes: object) -> EmbeddedServer:
        context = StartContext(log_path=tmp_path / f"server-{len(running)}.log")
        running.append(Embedded().start(deployment(**changes), context))
        return running[-1]

    yield begin
    for server in running:
        server.stop()


@pytest.fixture(scope="session", params=["tiny-glm", "tiny-llama"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedServer]:
    """Give a server that many tests ask things; none may end it."""
    context = StartContext(log_path=tmp_path_factory.mktemp("shared") / "server.log")
    named = deployment(model=request.param, source=f"builtin:{request.param}")
    server = Embedded().start(named, context)
    yield server
    server.stop()


@pytest.fixture
def http(shared: EmbeddedServer) -> Iterator[httpx.Client]:
    """Give a client of the shared server."""
    with server_http(shared.server) as client:
        yield client
