"""A server in a child process of ours: what it said, whether it lives, ending it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from typing import IO, TYPE_CHECKING, Any

from pytest_llmbench.errors import StorageError
from pytest_llmbench.runtimes.activity import STOPPED, stands_still
from pytest_llmbench.termination import signal_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["ChildProcess", "ended", "open_log"]

_GRACE_SECONDS = 3.0


class ChildProcess:
    """A child that takes one JSON line on standard input and gives one back through a pipe.

    Its output goes to `log`. It is a session of its own, so that Ctrl-C reaches us and not it; the pipe to
    its standard input stays open as long as we live.

    Raises:
        StorageError: the log cannot be written.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        self.report_fd = writer
        """Where the child writes its line; to be told to it."""
        self._received = b""
        self._stopped = False
        try:
            with open_log(log) as output:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(env),
                    pass_fds=(writer,),
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def send(self, line: Mapping[str, object]) -> None:
        """Give the child its line; a child that is gone already is left to `exited`."""
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()

    def report(self) -> dict[str, Any] | None:
        """Return the child's line; None while it has not come. Does not wait."""
        if b"\n" not in self._received:
            with contextlib.suppress(BlockingIOError):
                self._received += os.read(self._reader, 65536)
        if b"\n" not in self._received:
            return None
        report: dict[str, Any] = json.loads(self._received)
        return report

    def exited(self) -> str | None:
        """Say how the child ended, or that it was stopped; None while it runs."""
        return ended(self._process)

    def stop(self) -> None:
        """End the child: ask, wait three seconds, insist. Safe to call twice; never raises."""
        if self._stopped:
            return
        self._stopped = True
        self._process.terminate()
        try:
            # One that was stopped (SIGSTOP) cannot do what it is asked.
            self._process.wait(0 if stands_still(self.pid) else _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        os.close(self._reader)


def open_log(log: Path) -> IO[bytes]:
    """Open a server's log to append to; its folder is made.

    Raises:
        StorageError: naming the log.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except OSError as error:
        message = f"cannot be opened as a server's log: {error.strerror or error}"
        raise StorageError(message, file=log) from error


def ended(process: subprocess.Popen[bytes]) -> str | None:
    """Say how a server's process ended, or that it was stopped; None while it runs."""
    code = process.poll()
    if code is None:
        return STOPPED if stands_still(process.pid) else None
    if code < 0:
        return f"the server was ended by {signal_name(-code)}"
    return f"the server exited with code {code}"
