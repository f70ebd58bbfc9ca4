"""Finding the servers that a person names on the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.runtimes.containers.daemon import daemon_shortage
from pytest_llmbench.runtimes.found import Found, find_servers

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["find_all", "named", "state"]


def find_all() -> list[Found]:
    """List our servers, and say on standard error why there are none in containers where none can be seen.

    Raises:
        ServerError: the Docker daemon broke off.
    """
    if shortage := daemon_shortage():
        sys.stderr.write(f"local processes only; containers: {shortage}\n")
    return find_servers()


def named(servers: Sequence[Found], names: Sequence[str]) -> list[Found]:
    """Choose the servers with these names, deployments, or beginnings of ids.

    Raises:
        UsageError: a name fits none; tells those there are.
    """
    chosen: list[Found] = []
    for name in names:
        fitting = [
            found
            for found in servers
            if name in (found.name, found.tag.deployment) or (len(name) > 3 and found.id.startswith(name))  # noqa: PLR2004
        ]
        if not fitting:
            message = (
                f"no server of ours is called {name!r}: {nearest(name, [found.name for found in servers])}"
            )
            raise UsageError(message)
        chosen += fitting
    return list({found.id: found for found in chosen}.values())


def state(found: Found) -> str:
    """Say in a word or two what a server is to those who look for leftovers."""
    if found.tag.kept:
        return "kept" if found.runs else "kept, ended"
    lives = found.tag.owner.lives()
    if lives is None:
        return "of elsewhere"
    return "in use" if lives else "left over"
