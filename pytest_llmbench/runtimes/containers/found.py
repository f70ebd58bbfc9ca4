"""The containers of ours that there are, whose they are, and ending those of dead owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.containers.daemon import telling
from pytest_llmbench.runtimes.containers.ending import GRACE_SECONDS, end, remove_container
from pytest_llmbench.runtimes.containers.reach import address_of
from pytest_llmbench.runtimes.labels import MARK, Tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.containers.daemon import Client, DockerContainer

__all__ = ["FoundContainer", "find_containers", "sweep_containers"]


@dataclass(frozen=True, slots=True)
class FoundContainer:
    """A container that is a server of ours, as it was when it was looked at."""

    container: DockerContainer
    tag: Tag

    kind = "container"

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container.name)

    @property
    def id(self) -> str:
        """The container's id."""
        return str(self.container.id)

    @property
    def status(self) -> str:
        """How Docker calls its state."""
        return str(self.container.status)

    @property
    def runs(self) -> bool:
        """It was running."""
        return self.status in {"running", "paused", "restarting"}

    @property
    def address(self) -> str | None:
        """Where it answers; None before it does, or after."""
        return address_of(self.container)

    def end(self, *, at_once: bool = False) -> None:
        """Stop and remove it. Safe to call twice; never raises."""
        end(self.container, None, grace=0 if at_once else GRACE_SECONDS)

    def log(self, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        """Give what it said, only the last lines if `tail` says how many; with `follow` until it ends.

        Raises:
            ServerError: the daemon broke off.
        """
        with telling(f"reading the log of {self.name}"):
            yield from self.container.logs(stream=True, follow=follow, tail="all" if tail is None else tail)


def find_containers(client: Client, *, fingerprint: str | None = None) -> list[FoundContainer]:
    """List our servers, whoever owns them, running or not; only those of one fingerprint if one is given.

    Raises:
        ServerError: the daemon did not answer.
    """
    wanted = [f"{MARK}=server"]
    if fingerprint is not None:
        wanted.append(f"{MARK}.fingerprint={fingerprint}")
    with telling("looking for servers"):
        # A container that goes while it is listed is no reason to fail.
        containers = client.containers.list(all=True, filters={"label": wanted}, ignore_removed=True)
    tagged = [(container, Tag.read(container.labels)) for container in containers]
    return [FoundContainer(container, tag) for container, tag in tagged if tag is not None]


def sweep_containers(client: Client) -> list[FoundContainer]:
    """Kill and remove the servers of dead owners; kept ones, living ones and everything else stay.

    Raises:
        ServerError: the daemon did not answer.
    """
    orphans = [found for found in find_containers(client) if found.tag.orphaned]
    for found in orphans:
        with telling(f"removing {found.name}"):
            remove_container(found.container)
    return orphans
