"""The Docker daemon: finding it, and putting what it says into sentences."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import re
import socket
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_llmbench.errors import ServerError, ServerStartError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Client",
    "DockerContainer",
    "connect",
    "containers_are_near",
    "daemon_answers",
    "daemon_shortage",
    "daemon_url",
    "sdk",
    "telling",
]

Client = Any
DockerContainer = Any
"""Objects of the SDK, which is optional and has no types here."""

_DEFAULT_DAEMON = "unix:///var/run/docker.sock"
_DOCKER_PORT = 2375
_CONNECT_SECONDS = 1.0
_CALL_SECONDS = 120

_KNOWN = {
    r"could not select device driver .*gpu": (
        "Docker has no NVIDIA runtime here: install nvidia-container-toolkit, then "
        "`nvidia-ctk runtime configure --runtime=docker` and restart Docker"
    ),
    r"port is already allocated|bind: address already in use": "the port is taken on this host",
    r"no space left on device": "Docker's disk is full: `docker system df` says by what",
    r"error gathering device information.*(/dev/kfd|/dev/dri)": "this host has no AMD GPU driver",
    r"permission denied.*docker\.sock": "no permission for Docker: join the group docker, or use sudo",
    r"executable file not found|no such file or directory: unknown|exec: .*: no such file": (
        "the image does not have the engine's program"
    ),
}


def daemon_url() -> str:
    """Return where the Docker daemon listens: `DOCKER_HOST`, else the usual socket."""
    return os.environ.get("DOCKER_HOST") or _DEFAULT_DAEMON


def daemon_answers(url: str) -> bool:
    """Say whether something accepts connections at a `unix://` or `tcp://` address, within a second."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_CONNECT_SECONDS)
                connection.connect(parts.path)
        else:
            address = (parts.hostname or "localhost", parts.port or _DOCKER_PORT)
            socket.create_connection(address, timeout=_CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


def daemon_shortage() -> str | None:
    """Say what is missing before a container can be started: the SDK or the daemon; None if nothing."""
    found = importlib.util.find_spec("docker")
    # A folder of that name, where one stands, is found as well; it has no origin.
    if found is None or found.origin is None:
        return "needs the docker extra: pip install 'pytest-llmbench[docker]'"
    url = daemon_url()
    if not daemon_answers(url):
        return f"needs Docker: no daemon at {url}"
    return None


def sdk() -> Any:  # noqa: ANN401
    """Return the `docker` package, imported when it is needed: it is slow to import, and an extra."""
    return importlib.import_module("docker")


def connect() -> Client:
    """Return a client of the daemon.

    Raises:
        Unavailable: the SDK is not installed, or no daemon answers.
    """
    shortage = daemon_shortage()
    if shortage:
        raise Unavailable(shortage)
    try:
        return sdk().DockerClient(base_url=daemon_url(), timeout=_CALL_SECONDS)
    except sdk().errors.DockerException as error:
        message = f"needs Docker: {_sentence(str(error))}"
        raise Unavailable(message) from error


def containers_are_near(client: Client) -> bool:
    """Say whether a container's own address can be reached from here.

    Not where the daemon is another host, runs in a virtual machine (Docker Desktop), or has a network of its
    own (rootless).
    """
    if sys.platform != "linux" or urlsplit(daemon_url()).scheme != "unix":
        return False
    info = client.info()
    rootless = any("rootless" in str(option) for option in info.get("SecurityOptions") or ())
    return not rootless and info.get("OperatingSystem") != "Docker Desktop"


@contextlib.contextmanager
def telling(what: str) -> Iterator[None]:
    """Turn what the SDK raises into our errors; `what` says what was being done: `starting glm`.

    Raises:
        ServerStartError: the daemon refused, and why.
        ServerError: the daemon is gone.
    """
    errors, requests = sdk().errors, importlib.import_module("requests")
    try:
        yield
    except errors.APIError as error:
        message = f"{what}: {_sentence(str(error.explanation or error))}"
        raise ServerStartError(message) from error
    except (requests.RequestException, errors.DockerException, OSError) as error:
        state = "is gone" if not daemon_answers(daemon_url()) else f"broke off: {_sentence(str(error))}"
        message = f"{what}: the Docker daemon at {daemon_url()} {state}"
        raise ServerError(message) from error


def _sentence(text: str) -> str:
    """Say a known refusal in our words, any other in the daemon's."""
    text = " ".join(text.split())
    for pattern, meaning in _KNOWN.items():
        if re.search(pattern, text):
            return meaning
    return text
