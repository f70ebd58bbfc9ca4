"""The mark on every process of a server that runs on this host: what a container has as labels.

It is a variable, so it is there as long as the process, in whatever state that is, and nowhere afterwards:
no file can tell of servers that are gone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.labels import Tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.owner import Owner

__all__ = ["KEEP", "VARIABLE", "Mark", "mark_of", "marks"]

VARIABLE = "LLMBENCH_SERVER"
"""The variable that holds it."""

KEEP = b"k"
"""What a guard is told, on its standard input, so that its engine outlives whoever started it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is written on a process.

    Attributes:
        name: of the server, which no other has; as a container's.
        address: `http://HOST:PORT`, where it answers.
        tag: whose it is. What stands behind a guard is the guard's, and never kept: it has no use without.
        guarded: it stands behind a guard; else it is one.
    """

    name: str
    address: str
    tag: Tag
    guarded: bool = False

    def behind(self, guard: Owner) -> Mark:
        """Return the mark of what a guard starts."""
        return replace(self, tag=replace(self.tag, owner=guard, kept=False), guarded=True)

    def text(self) -> str:
        """Write it as the variable's value."""
        fields = {"name": self.name, "address": self.address, "guarded": self.guarded}
        return json.dumps({**fields, "labels": self.tag.labels()})

    @classmethod
    def read(cls, text: str) -> Mark | None:
        """Read it back; None for what we did not write."""
        try:
            fields = json.loads(text)
            tag = Tag.read(fields["labels"])
            name, address, guarded = fields["name"], fields["address"], bool(fields["guarded"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return None if tag is None else cls(name, address, tag, guarded)


def mark_of(pid: int) -> Mark | None:
    """Return what is written on a process; None for one that is not ours, is gone, or is another user's."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    prefix = f"{VARIABLE}=".encode()
    found = (piece for piece in environ.split(b"\0") if piece.startswith(prefix))
    return next((Mark.read(piece[len(prefix) :].decode(errors="replace")) for piece in found), None)


def marks() -> Iterator[tuple[int, Mark]]:
    """List the processes of our servers; none on systems without /proc."""
    for folder in Path("/proc").glob("[0-9]*"):
        mark = mark_of(int(folder.name))
        if mark is not None:
            yield int(folder.name), mark
