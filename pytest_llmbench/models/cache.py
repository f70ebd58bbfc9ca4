"""The user's cache directory."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs

__all__ = ["CACHE_DIR_ENV", "cache_dir", "sha256"]

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
