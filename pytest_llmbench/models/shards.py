"""GGUF files that are split: `name-00001-of-00003.gguf` and its sisters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["shard_stem", "shards_of"]

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


def shard_stem(name: str) -> str:
    """Return what the parts of one split model have in common; the name itself of one that is not split."""
    return _SHARD.sub("", name)


def shards_of(path: Path) -> list[Path]:
    """Return all parts of a split GGUF file in order, whichever of them is named; else the file alone.

    Raises:
        UsageError: a part is missing; names it.
    """
    match = _SHARD.search(path.name)
    if match is None:
        return [path]
    stem, total = shard_stem(path.name), int(match[2])
    parts = [path.with_name(f"{stem}-{number:05d}-of-{match[2]}.gguf") for number in range(1, total + 1)]
    missing = next((part for part in parts if not part.exists()), None)
    if missing is not None:
        message = f"{path} is one of {total} parts, and {missing.name} is not beside it"
        raise UsageError(message)
    return parts
