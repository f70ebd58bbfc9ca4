"""Which digest a tag stood for when it was last used on this host: tags can be moved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_llmbench.files import json_text, locked, write_atomically
from pytest_llmbench.models.cache import cache_dir

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["note_digest"]

_LOCK_SECONDS = 10.0


def note_digest(reference: str, digest: str) -> str | None:
    """Remember what `reference` stands for; return what it stood for before, if that was another digest."""
    if "@" in reference:
        return None
    path = cache_dir() / "images.json"
    with locked(path.with_suffix(".lock"), timeout=_LOCK_SECONDS):
        known = _read(path)
        before = known.get(reference)
        if before != digest:
            write_atomically(path, json_text({**known, reference: digest}, indent=1))
    return before if before != digest else None


def _read(path: Path) -> dict[str, str]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
