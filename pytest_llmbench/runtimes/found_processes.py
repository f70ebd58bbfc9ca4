"""The servers of ours that are processes of this host, and ending those of dead owners."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.activity import STOPPED, family, stands_still
from pytest_llmbench.runtimes.marks import mark_of, marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_llmbench.runtimes.labels import Tag
    from pytest_llmbench.runtimes.marks import Mark

__all__ = ["GRACE_SECONDS", "FoundProcess", "find_processes", "kill_family", "sweep_processes"]

GRACE_SECONDS = 35.0
"""How long a guard may take: ten at most for each of asking, insisting and cleaning up."""

_LOOK_SECONDS = 0.1
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class FoundProcess:
    """A server of ours that is a process: a guard and what is behind it, or what a dead guard left."""

    mark: Mark
    pids: tuple[int, ...]

    kind = "process"

    @property
    def name(self) -> str:
        """The server's name."""
        return self.mark.name

    @property
    def id(self) -> str:
        """The end of its name, by which it differs from all others."""
        return self.mark.name.rpartition("-")[2]

    @property
    def tag(self) -> Tag:
        """Whose it is."""
        return self.mark.tag

    @property
    def address(self) -> str | None:
        """Where it answers."""
        return self.mark.address

    @property
    def runs(self) -> bool:
        """It has its guard."""
        return not self.mark.guarded

    @property
    def status(self) -> str:
        """What its processes do."""
        if not self.runs:
            return "without guard"
        return "stopped" if stands_still(self.pid) else "running"

    @property
    def pid(self) -> int:
        """The guard's process id; else that of any process that is left."""
        return self.pids[0]

    @property
    def log_path(self) -> Path:
        """What to read its log from: the file that it writes to, also where that was removed."""
        return Path(f"/proc/{self.pid}/fd/1")

    def exited(self) -> str | None:
        """Say that it has ended since it was found, or was stopped; None while it runs."""
        if mark_of(self.pid) != self.mark:
            return "the server, which is kept, has ended: somebody stopped it, or it crashed"
        return STOPPED if stands_still(self.pid) else None

    def end(self, *, at_once: bool = False) -> None:
        """End it with everything it started, and wait until it is gone: politely, unless `at_once`.

        Safe to call twice; never raises. What is another user's is left to him.
        """
        if self.runs and not at_once and not stands_still(self.pid) and mark_of(self.pid) == self.mark:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGTERM)
            if self._gone(GRACE_SECONDS):
                return
        for pid in self.pids:
            # Looked at again: a process id of one that has ended may be somebody else's by now.
            found = mark_of(pid)
            if found is not None and found.name == self.name:
                kill_family(pid)
        self._gone(GRACE_SECONDS)

    def _gone(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while any(mark is not None and mark.name == self.name for mark in map(mark_of, self.pids)):
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def log(self, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        """Give what it said, only the last lines if `tail` says how many; with `follow` until it ends."""
        try:
            file = self.log_path.open("rb")
        except OSError:
            return
        with file:
            lines = file.read().splitlines(keepends=True)
            yield b"".join(lines if tail is None else lines[max(0, len(lines) - tail) :])
            while follow:
                ended = mark_of(self.pid) != self.mark
                if piece := file.read(_PIECE):
                    yield piece
                elif ended:
                    return
                else:
                    time.sleep(_LOOK_SECONDS)


def find_processes(*, fingerprint: str | None = None) -> list[FoundProcess]:
    """List our servers, whoever owns them; only those of one fingerprint if one is given.

    Those of other users are seen by root alone.
    """
    servers: dict[str, dict[int, Mark]] = {}
    for pid, mark in marks():
        servers.setdefault(mark.name, {})[pid] = mark
    found = [_grouped(members) for members in servers.values()]
    return [one for one in found if fingerprint in (None, one.tag.fingerprint)]


def _grouped(members: Mapping[int, Mark]) -> FoundProcess:
    # In the moment before it becomes the engine, a child of the guard still looks like it.
    guards = [pid for pid, mark in members.items() if not mark.guarded and _parent(pid) not in members]
    first = (guards or sorted(members))[0]
    return FoundProcess(members[first], (first, *(pid for pid in members if pid != first)))


def sweep_processes() -> list[FoundProcess]:
    """Kill what servers of sessions that were killed left running on this host, and return it.

    Only processes that carry our mark, whose owner is known to be dead, and only of this user. On systems
    without /proc nothing is found, and nothing is left either: guards see to that.
    """
    orphans = [found for found in find_processes() if found.tag.orphaned]
    for found in orphans:
        found.end(at_once=True)
    return orphans


def kill_family(pid: int) -> None:
    """Kill a process and its descendants."""
    for member in [*family(pid)]:  # all of them first: who is dead has no children
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(member, signal.SIGKILL)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
    except OSError:
        return 0
