"""The servers of ours that there are on this host, in containers or as processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_llmbench.runtimes.containers.daemon import connect, daemon_shortage
from pytest_llmbench.runtimes.containers.found import find_containers, sweep_containers
from pytest_llmbench.runtimes.found_processes import find_processes, sweep_processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.labels import Tag

__all__ = ["Found", "find_servers", "sweep_servers"]


class Found(Protocol):
    """A server of ours as it was when it was looked at."""

    @property
    def kind(self) -> str:
        """What it is: `container` or `process`."""

    @property
    def name(self) -> str:
        """Its name, which no other has."""

    @property
    def id(self) -> str:
        """Names it as exactly."""

    @property
    def tag(self) -> Tag:
        """Whose it is."""

    @property
    def runs(self) -> bool:
        """It was running."""

    @property
    def status(self) -> str:
        """How it was, in a word or two."""

    @property
    def address(self) -> str | None:
        """Where it answers; None if nowhere any more."""

    def end(self, *, at_once: bool = False) -> None:
        """End it, wait until it is gone, and leave nothing of it: politely, unless `at_once`.

        Safe to call twice; never raises.
        """

    def log(self, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        """Give what it said, only the last lines if `tail` says how many; with `follow` until it ends.

        Raises:
            ServerError: it cannot be read.
        """


def find_servers() -> list[Found]:
    """List our servers, whoever owns them; containers only where a daemon answers.

    Raises:
        ServerError: the daemon broke off.
    """
    containers = find_containers(connect()) if daemon_shortage() is None else []
    return [*containers, *find_processes()]


def sweep_servers() -> list[Found]:
    """End the servers of dead owners, which may hold the memory of GPUs, and return them; no others.

    Raises:
        ServerError: the daemon broke off.
    """
    containers = sweep_containers(connect()) if daemon_shortage() is None else []
    return [*containers, *sweep_processes()]
