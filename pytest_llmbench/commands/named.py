"""Finding the servers that a person names on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.runtimes.containers.found import Found, find_servers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.runtimes.containers.daemon import Client

__all__ = ["named", "state"]


def named(client: Client, names: Sequence[str]) -> list[Found]:
    """Return the servers of ours with these container names, deployments, or beginnings of ids.

    Raises:
        UsageError: a name fits none; tells those there are.
    """
    servers = find_servers(client)
    chosen: list[Found] = []
    for name in names:
        fitting = [
            found
            for found in servers
            if name in (found.name, found.tag.deployment)
            or (len(name) > 3 and found.container.id.startswith(name))  # noqa: PLR2004
        ]
        if not fitting:
            message = (
                f"no server of ours is called {name!r}: {nearest(name, [found.name for found in servers])}"
            )
            raise UsageError(message)
        chosen += fitting
    return list({found.container.id: found for found in chosen}.values())


def state(found: Found) -> str:
    """Say in a word or two what a server is to those who look for leftovers."""
    if found.tag.kept:
        return "kept" if found.runs else "kept, ended"
    lives = found.tag.owner.lives()
    if lives is None:
        return "of elsewhere"
    return "in use" if lives else "left over"
