"""The user's cache directory, and files in it that are either whole or not there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

from pytest_llmbench.errors import StorageError

__all__ = ["CACHE_DIR_ENV", "cache_dir", "sha256", "write_atomically"]

CACHE_DIR_ENV = "LLMBENCH_CACHE_DIR"


def cache_dir() -> Path:
    """Return where this package caches: `LLMBENCH_CACHE_DIR`, else the platform's place. May not exist."""
    chosen = os.environ.get(CACHE_DIR_ENV)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("pytest-llmbench"))


def sha256(path: Path) -> str | None:
    """Return the digest of a file in hex; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that nobody, not even after a crash, sees part of it; directories are made.

    Two processes may write the same path at once: one of the two whole files stays.

    Raises:
        StorageError: naming `path`.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        message = f"cannot write {len(data)} bytes: {error.strerror or error}"
        raise StorageError(message, file=path) from error
