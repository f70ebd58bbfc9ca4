"""Where a container can be reached from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.containers.daemon import DockerContainer

__all__ = ["CONTAINER_PORT", "address_of", "own_address", "published_address"]

CONTAINER_PORT = 8000
"""Where every server listens inside its container; each has a network of its own."""

_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104


def address_of(container: DockerContainer) -> str | None:
    """Return the published address of a container, else its own; None if it has neither, or none any more."""
    return published_address(container) or own_address(container)


def own_address(container: DockerContainer) -> str | None:
    """Return `http://ADDRESS:PORT` in the daemon's network; None before it has one, or after."""
    networks = container.attrs["NetworkSettings"].get("Networks") or {}
    own = next((str(one["IPAddress"]) for one in networks.values() if one.get("IPAddress")), "")
    return f"http://{own}:{CONTAINER_PORT}" if own else None


def published_address(container: DockerContainer) -> str | None:
    """Return `http://ADDRESS:PORT` of this host; None if no port is published."""
    ports = container.attrs["NetworkSettings"].get("Ports") or {}
    for one in ports.get(f"{CONTAINER_PORT}/tcp") or []:
        return f"http://{_ANY.get(one['HostIp'], one['HostIp'])}:{one['HostPort']}"
    return None
