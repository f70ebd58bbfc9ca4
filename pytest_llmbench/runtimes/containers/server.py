"""A server in a container: whether it lives, what it said, ending it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import ServerError, StorageError
from pytest_llmbench.runtimes.activity import STOPPED, memory_kills, stands_still
from pytest_llmbench.runtimes.containers.daemon import sdk, telling
from pytest_llmbench.runtimes.containers.ending import GRACE_SECONDS, end

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_llmbench.runtimes.containers.daemon import DockerContainer
    from pytest_llmbench.runtimes.server import Secret, Server

__all__ = ["ContainerServer", "LogCopy", "ended"]

_DRAIN_SECONDS = 5.0
_KILLED = 137


class LogCopy:
    """Copies what a container says to a file, secrets left out, until it ends.

    Raises:
        StorageError: the file cannot be written.
    """

    def __init__(self, container: DockerContainer, path: Path, secrets: Sequence[Secret]) -> None:
        self._secrets = [secret.encode() for secret in secrets if secret]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            message = f"cannot be opened as a server's log: {error.strerror or error}"
            raise StorageError(message, file=path) from error
        self._stream = container.logs(stream=True, follow=True)
        self._thread = threading.Thread(target=self._copy, name=f"log of {container.name}", daemon=True)
        self._thread.start()

    def _copy(self) -> None:
        rest = b""
        # The stream breaks off when the daemon goes or we close it: what was said until then is there.
        with self._file as file, contextlib.suppress(Exception):
            for piece in self._stream:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    file.write(self._redacted(line) + b"\n")
                file.flush()
            file.write(self._redacted(rest))

    def _redacted(self, line: bytes) -> bytes:
        for secret in self._secrets:
            line = line.replace(secret, b"***")
        return line

    def finish(self) -> None:
        """Wait until all that was said is in the file; not for long."""
        self._thread.join(_DRAIN_SECONDS)
        with contextlib.suppress(Exception):
            self._stream.close()


class ContainerServer:
    """A server in a container of ours; one that is kept outlives us."""

    def __init__(
        self, server: Server, container: DockerContainer, log: LogCopy | None, *, keep: bool
    ) -> None:
        self.server = server
        self.container = container
        self._log, self._keep = log, keep
        self._stopped = False

    @property
    def pid(self) -> int:
        """The first process of the container, as this host counts; 0 where it runs on another."""
        return int(self.container.attrs["State"].get("Pid") or 0)

    def exited(self) -> str | None:
        """Why the server is gone, in one line; None while it runs."""
        return ended(self.container)

    def stop(self) -> None:
        """End the server and remove its container, unless it is kept. Safe to call twice; never raises."""
        if self._stopped or self._keep:
            return
        try:
            # One that was stopped (SIGSTOP) cannot do what it is asked.
            end(self.container, self._log, grace=0 if stands_still(self.pid) else GRACE_SECONDS)
        except KeyboardInterrupt:
            # In the middle of stopping: at once, then, and the interrupt goes on.
            end(self.container, self._log, grace=0)
            raise
        finally:
            self._stopped = True


def ended(container: DockerContainer) -> str | None:
    """Say how a container ended, or that it is of no use any more; None while it runs well."""
    try:
        with telling("asking for the server's state"):
            try:
                container.reload()
            except sdk().errors.NotFound:
                return "somebody removed the server's container"
    except ServerError as error:
        return str(error)
    return _trouble(container.attrs["State"])


def _trouble(state: Mapping[str, Any]) -> str | None:
    code, runs = int(state.get("ExitCode", 0)), bool(state.get("Running"))
    pid = int(state.get("Pid") or 0)
    who = "one of its processes" if runs else "the server"
    # Docker tells it once the container has ended; of a child that is too late.
    out_of_memory = state.get("OOMKilled") or memory_kills(pid)
    killed = ", which is what SIGKILL leaves: somebody killed it" if code == _KILLED else ""
    found = (
        (out_of_memory, f"{who} was killed because the memory it may use was used up"),
        (state.get("Paused"), "somebody paused the server's container"),
        (runs and stands_still(pid), STOPPED),
        (not runs and state.get("Error"), f"the container did not run: {state.get('Error')}"),
        (not runs, f"the server exited with code {code}{killed}"),
    )
    return next((text for true, text in found if true), None)
