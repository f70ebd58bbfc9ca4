"""The containers of ours that there are, whose they are, and ending those of dead owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.containers.daemon import sdk, telling
from pytest_llmbench.runtimes.containers.labels import MARK, Tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmbench.runtimes.containers.daemon import Client, DockerContainer

__all__ = ["Found", "find_servers", "remove", "remove_container", "sweep"]


@dataclass(frozen=True, slots=True)
class Found:
    """A container that is a server of ours, as it was when it was looked at."""

    container: DockerContainer
    tag: Tag

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container.name)

    @property
    def runs(self) -> bool:
        """It was running."""
        return str(self.container.status) in {"running", "paused", "restarting"}

    @property
    def orphaned(self) -> bool:
        """Nobody will end it: its owner is dead, and it was not to be kept."""
        return not self.tag.kept and self.tag.owner.lives() is False


def find_servers(client: Client, *, fingerprint: str | None = None) -> list[Found]:
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
    return [Found(container, tag) for container, tag in tagged if tag is not None]


def sweep(client: Client) -> list[Found]:
    """End and remove the servers of dead owners; kept ones, living ones and everything else stay.

    Raises:
        ServerError: the daemon did not answer.
    """
    orphans = [found for found in find_servers(client) if found.orphaned]
    remove(orphans)
    return orphans


def remove(servers: Iterable[Found]) -> None:
    """Kill and remove containers, with their anonymous volumes; those that are gone already are fine."""
    for found in servers:
        with telling(f"removing {found.name}"):
            remove_container(found.container)


def remove_container(container: DockerContainer) -> None:
    """Kill and remove one container; raises what the SDK does."""
    try:
        container.remove(force=True, v=True)
    except sdk().errors.NotFound:
        return
    except sdk().errors.APIError as error:
        # Somebody else, such as the next session, is removing it at this moment.
        if "already in progress" not in str(error):
            raise
