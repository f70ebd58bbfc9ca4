"""A server that somebody else started and that runs already."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.detect import detect_engine
from pytest_llmbench.backends.wire import served_models
from pytest_llmbench.errors import ServerError, ServerStartError, UsageError, nearest
from pytest_llmbench.runtimes.connect import http_client, proxy_for
from pytest_llmbench.runtimes.keys import resolve_api_key
from pytest_llmbench.runtimes.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["External", "ExternalServer", "normalise_url"]

_GENERIC = "openai"
_CONNECT_SECONDS = 2.0


class ExternalServer:
    """A server at an address: not ours to end."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @property
    def pid(self) -> int:
        """None that can be seen from here, or that would be ours to look after."""
        return 0

    def exited(self) -> str | None:
        """Say that nothing listens at the address any more; None while something does, or a proxy knows."""
        if proxy_for(self.server.base_url):
            return None
        parts = urlsplit(self.server.base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            return f"nothing listens at {self.server.base_url} any more: {error.strerror or error}"
        return None

    def stop(self) -> None:
        """Leave the server as it is."""


class External:
    """Finds out who answers at `deployment.url`."""

    name = "external"

    def unavailable(self, deployment: Deployment) -> str | None:  # noqa: ARG002
        """Return None: whether a server answers is not a matter of this machine."""
        return None

    def start(self, deployment: Deployment, context: StartContext) -> ExternalServer:
        """Ask the server who it is; start nothing.

        Raises:
            UsageError: no address; the API key's variable is not set; several models are served and none
                is named; the named one is not served; another engine than the deployment's answers.
            ServerStartError: nothing answers, or it refuses to; names the address and the cause.
        """
        if not deployment.url:
            message = f"{deployment.id} runs on an external server but has no url: where does it listen?"
            raise UsageError(message)
        api_key = resolve_api_key(deployment)
        base_url = normalise_url(deployment.url)
        context.on_progress(f"asking {base_url} who it is")
        with http_client(base_url, api_key) as http:
            try:
                models = served_models(http)
                served_model = _choose_model(deployment, base_url, models)
                facts = _facts(deployment, http, models)
            except ServerError as error:
                message = f"{deployment.id} cannot be measured: {error}"
                raise ServerStartError(message) from error
        server = Server(
            deployment=deployment,
            base_url=base_url,
            served_model=served_model,
            facts=facts,
            api_key=api_key,
            outlives=True,
        )
        return ExternalServer(server)


def normalise_url(url: str) -> str:
    """Return scheme, host, port and path without a trailing slash and without `/v1`.

    Raises:
        UsageError: it is not an HTTP address.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"not an HTTP address: '{url}'; write for example http://127.0.0.1:8000"
        raise UsageError(message)
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _choose_model(deployment: Deployment, base_url: str, models: Sequence[Mapping[str, Any]]) -> str:
    names = [str(model["id"]) for model in models if "id" in model]
    wanted = deployment.served_model
    if wanted:
        if names and wanted not in names:
            message = f"{base_url} does not serve '{wanted}': {nearest(wanted, names)}"
            raise UsageError(message)
        return wanted
    if len(names) == 1:
        return names[0]
    problem = f"serves {', '.join(names)}" if names else "does not list what it serves at /v1/models"
    message = f"{base_url} {problem}: name one with 'served-model'"
    raise UsageError(message)


def _facts(
    deployment: Deployment, http: httpx.Client, models: Sequence[Mapping[str, Any]]
) -> dict[str, FactValue]:
    """Ask as the engine that answers; the deployment's own where it cannot be told."""
    engine = detect_engine(http, models)
    backend = deployment.backend
    # A fork answers as its origin.
    allowed = {None, backend, *({"llama"} if backend == "ik_llama" else ())}
    if backend != _GENERIC and engine not in allowed:
        message = f"{http.base_url} is served by {engine}, but {deployment.id} says backend {backend}"
        raise UsageError(message)
    asked = engine if backend == _GENERIC and engine is not None else backend
    return {**BACKENDS[asked].facts(http), "engine": engine}
