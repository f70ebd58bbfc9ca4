"""Places that processes of one host take from each other, and who holds them.

A file has so many slots; a process takes some of them, or all. The kernel frees them with their holder, so a
killed process blocks nobody. Each holder leaves a line that says who it is and what for: those who wait can
tell, and a measurement can name its neighbours.

All users of a host share these files, so what others wrote into them is shown and not trusted.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import pwd
import secrets
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmbench.errors import StorageError
from pytest_llmbench.shared_files import is_current, open_shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Held", "Holder", "SlotFile", "wait_for"]

# Locks of an open file, not of a process: two holders in one process exclude each other, too. Linux has them.
_HAS_RANGES = hasattr(fcntl, "F_OFD_SETLK")
_FLOCK = struct.Struct("hhqqi4x")
_RECORD = 200
_POLL_SECONDS = 0.05
# Process ids of two containers that share the folder may be the same.
_OURS = secrets.token_hex(4)


class Holder(NamedTuple):
    """Who holds slots: a process, its user, and what for."""

    pid: int
    user: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} (pid {self.pid}, {self.user})" if self.pid else "another process"


@dataclass(slots=True)
class Held:
    """Slots that this process holds until it releases them."""

    descriptor: int
    first: int

    def release(self) -> None:
        """Give them back. Safe to call twice."""
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.pwrite(self.descriptor, b" " * _RECORD, self.first * _RECORD)
            os.close(self.descriptor)
            self.descriptor = -1


class SlotFile:
    """A file with `slots` places.

    Where the system has no locks of ranges (macOS), some slots are shared by all who want some, and all slots
    exclude them; holders are then not known.
    """

    def __init__(self, path: Path, slots: int) -> None:
        self._path, self._slots = path, slots

    def take(self, count: int, what: str) -> Held | None:
        """Take `count` slots beside each other if they are free now, else None; `what` for is told to others.

        Raises:
            StorageError: the file cannot be made or locked.
        """
        descriptor = open_shared(self._path)
        try:
            for first in range(self._slots - count + 1):
                if self._lock(descriptor, first, count):
                    if not is_current(self._path, descriptor):
                        break  # removed meanwhile: others lock the next one, and so shall we
                    self._sign(descriptor, first, what)
                    return Held(descriptor, first)
        except OSError as error:
            os.close(descriptor)
            message = f"this filesystem has no locks: {error.strerror or error}"
            raise StorageError(message, file=self._path) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def holders(self) -> tuple[Holder, ...]:
        """Say who holds slots, this process left out."""
        if not _HAS_RANGES:
            return ()
        descriptor = open_shared(self._path)
        try:
            found = [self._signed(descriptor, first) for first in _held(descriptor, 0, self._slots)]
        finally:
            os.close(descriptor)
        return tuple(dict.fromkeys(holder for holder in found if holder))

    def _lock(self, descriptor: int, first: int, count: int) -> bool:
        try:
            if _HAS_RANGES:
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _range(fcntl.F_WRLCK, first, count))
            else:
                kind = fcntl.LOCK_EX if count == self._slots else fcntl.LOCK_SH
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, as the system likes
            return False
        return True

    def _sign(self, descriptor: int, first: int, what: str) -> None:
        line = f"{_OURS} {os.getpid()} {_user()} {what}".encode()[: _RECORD - 1].ljust(_RECORD)
        with contextlib.suppress(OSError):  # a full disk takes no lock from us
            os.pwrite(descriptor, line, first * _RECORD)

    def _signed(self, descriptor: int, first: int) -> Holder | None:
        """Return who holds a slot, None for ourselves."""
        text = os.pread(descriptor, _RECORD, first * _RECORD).decode(errors="replace").strip("\0 ")
        token, pid, user, what = [*_printable(text).split(" ", 3), "", "", "", ""][:4]
        if token == _OURS:
            return None
        return Holder(int(pid), user, what) if pid.isdecimal() else Holder(0, "", "")


@functools.cache
def _user() -> str:
    """Name the user this process works for; not LOGNAME, which says what it is told to."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _printable(text: str) -> str:
    """Take out what would change a terminal: anybody may have written it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def wait_for(
    take: Callable[[], Held | None],
    queue: SlotFile,
    what: str,
    *,
    timeout: float,
    on_wait: Callable[[], None],
) -> Held | None:
    """Take what is not free yet; None after `timeout` seconds.

    Who waits stands in a `queue` of one place: those who want little cannot for ever overtake one who wants
    much. `on_wait` is called again and again meanwhile.
    """
    deadline = time.monotonic() + timeout
    turn: Held | None = None
    try:
        while True:
            turn = turn or queue.take(1, what)
            if turn and (held := take()):
                return held
            if time.monotonic() >= deadline:
                return None
            on_wait()
            time.sleep(_POLL_SECONDS)
    finally:
        if turn:
            turn.release()


def _range(kind: int, first: int, count: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, first, count, 0)


def _held(descriptor: int, begin: int, end: int) -> Iterator[int]:
    """Find the first slot of each holder in a range; the kernel tells of any one, not of the lowest."""
    if begin >= end:
        return
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _range(fcntl.F_WRLCK, begin, end - begin))
    kind, _, first, count, _ = _FLOCK.unpack(answer)
    if kind == fcntl.F_UNLCK:
        return
    yield from _held(descriptor, begin, first)
    yield first
    yield from _held(descriptor, first + (count or end), end)  # 0: whoever took it took all there may be
