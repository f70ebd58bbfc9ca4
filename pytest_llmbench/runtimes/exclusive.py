"""Measuring alone on a host: while a window is open, nobody else measures, loads a model or pulls an image.

Host-wide, across sessions and users. Loads may run beside each other; a measurement takes every slot.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_llmbench.errors import ServerError
from pytest_llmbench.shared_files import lock_folder
from pytest_llmbench.slots import SlotFile, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Host"]

_SLOTS = 100


class Host:
    """The one place where those who work on this host take turns. `timeout` (s) is the longest wait for one.

    `on_wait` hears what is waited for. `folder` is where the lock files are, the same for all.
    """

    def __init__(self, on_wait: Callable[[str], None], timeout: float, folder: Path | None = None) -> None:
        folder = folder or lock_folder()
        self._file = SlotFile(folder / "pytest-llmbench.lock", _SLOTS)
        self._queue = SlotFile(folder / "pytest-llmbench.queue", 1)
        self._on_wait, self._timeout = on_wait, timeout

    @contextmanager
    def loading(self, what: str) -> Iterator[None]:
        """Start a server while nobody measures.

        Raises:
            ServerError: somebody measured for too long.
        """
        with self._held(1, what):
            yield

    @contextmanager
    def measuring(self, what: str) -> Iterator[None]:
        """Be the only one at work.

        Raises:
            ServerError: others were at work for too long.
        """
        with self._held(_SLOTS, what):
            yield

    @contextmanager
    def overlapping(self, what: str) -> Iterator[Callable[[], tuple[str, ...]]]:
        """Measure beside whoever else does; the context's function tells who was seen so far, and now."""
        seen: dict[str, None] = {}

        def look() -> tuple[str, ...]:
            seen.update(dict.fromkeys(map(str, self._file.holders())))
            return tuple(seen)

        with self._held(1, what):
            yield look

    @contextmanager
    def _held(self, slots: int, what: str) -> Iterator[None]:
        def waiting() -> None:
            self._on_wait(f"waiting for {self._others()}")

        held = wait_for(
            lambda: self._file.take(slots, what),
            self._queue,
            what,
            timeout=self._timeout,
            on_wait=waiting,
        )
        if held is None:
            message = f"{what}: waited {self._timeout:g} s (--bench-wait-timeout) for {self._others()}"
            raise ServerError(message)
        try:
            yield
        finally:
            held.release()

    def _others(self) -> str:
        others = (*self._file.holders(), *self._queue.holders())
        return ", ".join(dict.fromkeys(map(str, others))) or "another process"
