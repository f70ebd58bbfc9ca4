"""Who started a server: told from who merely has the same process id, so that leftovers are known as such."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Owner", "this_process"]


@dataclass(frozen=True, slots=True)
class Owner:
    """A process on a host.

    Attributes:
        pid: its id.
        started: when it started, in the words of its system; process ids are used again.
        boot: names the run of the system since it booted.
        place: names host and process namespace: ids of another one mean nothing here.
    """

    pid: int
    started: str
    boot: str
    place: str

    def lives(self) -> bool | None:
        """Whether the process still runs; None if that cannot be told from here."""
        here = this_process()
        if self.place != here.place:
            return None
        if self.boot != here.boot:
            return False
        return _start_of(self.pid) == self.started


@functools.cache
def this_process() -> Owner:
    """Return ourselves. Asked again after a fork, the answer would still be the parent's: nobody forks."""
    return Owner(os.getpid(), _start_of(os.getpid()), _boot(), _place())


def _start_of(pid: int) -> str:
    """Return when a process started; empty if there is none, or if it is dead and not yet waited for."""
    try:
        # What follows the name, which may itself have spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _place() -> str:
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}".strip()
