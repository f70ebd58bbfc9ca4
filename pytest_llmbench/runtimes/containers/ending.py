"""Ending the containers of servers, at the latest when this process ends."""

from __future__ import annotations

import atexit
import contextlib
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import ServerError
from pytest_llmbench.runtimes.containers.daemon import sdk, telling

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.containers.daemon import DockerContainer
    from pytest_llmbench.runtimes.containers.server import LogCopy

__all__ = ["GRACE_SECONDS", "end", "end_at_exit", "leave_at_exit", "remove_container"]

GRACE_SECONDS = 10
"""How long a server may take to end when it is asked to."""

_LIVE: dict[str, Any] = {}
"""Containers to remove when this process ends, should nothing else have done it."""


def end(container: DockerContainer, log: LogCopy | None, *, grace: int = GRACE_SECONDS) -> None:
    """Ask a container's server to end, insist after `grace` seconds, keep its log, remove it.

    What the daemon cannot do now is left to the next session's sweep.
    """
    with contextlib.suppress(ServerError):
        try:
            if grace:
                with contextlib.suppress(ServerError), telling(f"stopping {container.name}"):
                    container.stop(timeout=grace)
                if log is not None:
                    log.finish()
        finally:
            with telling(f"removing {container.name}"):
                remove_container(container)
            _LIVE.pop(container.id, None)


def remove_container(container: DockerContainer) -> None:
    """Kill and remove one container with its anonymous volumes; raises what the SDK does.

    One that is gone already is fine.
    """
    try:
        container.remove(force=True, v=True)
    except sdk().errors.NotFound:
        return
    except sdk().errors.APIError as error:
        # Somebody else, such as the next session, is removing it at this moment.
        if "already in progress" not in str(error):
            raise


def end_at_exit(container: DockerContainer) -> None:
    """Remove a container when this process ends, unless `end` has done it before."""
    if not _LIVE:
        atexit.unregister(_end_all)
        atexit.register(_end_all)
    _LIVE[container.id] = container


def leave_at_exit(container: DockerContainer) -> None:
    """Let a container outlive this process."""
    _LIVE.pop(container.id, None)


def _end_all() -> None:
    for container in list(_LIVE.values()):
        end(container, None, grace=0)
