"""Writing files so that a reader sees the old one or the new one, and two writers take turns.

A leaf: the store of baselines and the reports both stand on it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import ValidationError

__all__ = ["first_mistake", "json_text", "locked", "make_folder", "read_bytes", "write_atomically"]

_POLL_SECONDS = 0.02


def json_text(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:  # noqa: ANN401
    """Render as strict JSON that ends in a newline; `ValueError` for NaN and infinities.

    Lone surrogates (what is left of a server's broken bytes in a message) become `?`: strict readers
    reject them, and one such message must not make a whole report unreadable.
    """
    text = json.dumps(value, indent=indent, sort_keys=sort_keys, allow_nan=False, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8") + "\n"


def make_folder(path: Path) -> Path:
    """Create a folder and its parents; a `StorageError` names it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot create this folder: {error.strerror or error}"
        raise StorageError(message, file=path) from error
    return path


def read_bytes(path: Path) -> bytes:
    """Read a file as a whole; a `StorageError` names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"cannot read: {error.strerror or error}"
        raise StorageError(message, file=path) from error


def first_mistake(error: ValidationError) -> str:
    """Say where in a document the first mistake is, and which: `session.id: Field required`."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file as a whole, creating its folder; a `StorageError` names it.

    On any failure, a full disk included, the file is what it was and nothing is left beside it. Of two
    processes that write at once, one whole file stays.
    """
    if path.is_dir() and not path.is_symlink():  # a link is replaced itself
        message = "cannot write: Is a directory"
        raise StorageError(message, file=path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    make_folder(path.parent)
    # Not mkstemp: it makes files only their owner can read, and CI often collects as somebody else.
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            # Before the rename: else a power cut can leave the new name with no content.
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        message = f"cannot write: {error.strerror or error}"
        raise StorageError(message, file=path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, *, timeout: float = 30.0) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which is created and stays empty.

    The kernel drops the lock with its holder, so a killed process blocks nobody. After `timeout`
    seconds of waiting a `StorageError` names the file.
    """
    make_folder(path.parent)
    try:
        descriptor = _open_lock(path)
    except OSError as error:
        message = f"cannot open the lock: {error.strerror or error}"
        raise StorageError(message, file=path) from error
    try:
        _acquire(descriptor, path, time.monotonic() + timeout)
        yield
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        # Another user's, as in /tmp: reading is enough to lock it.
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                message = "another process has held this lock for too long; is a session stuck?"
                raise StorageError(message, file=path) from error
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            message = f"this filesystem has no locks: {error.strerror or error}"
            raise StorageError(message, file=path) from error
        else:
            return
