"""Hub ids: `owner/name`, `owner/name:QUANT`, either with `@REVISION`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["HubSource", "find_copy", "parse_source"]


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of the hub, one GGUF of it if `quant` says so, at a branch, tag or commit."""

    repo: str
    quant: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        quant = f":{self.quant}" if self.quant else ""
        return f"{self.repo}{quant}@{self.revision}" if self.revision else f"{self.repo}{quant}"


def parse_source(source: str) -> HubSource | None:
    """Read a hub id; None for what looks like a path or is none."""
    plain, _, revision = source.partition("@")
    repo, _, quant = plain.partition(":")
    if source.startswith(("/", ".", "~")) or plain.endswith(".gguf") or repo.count("/") != 1:
        return None
    return HubSource(repo, quant or None, revision or None)


def find_copy(source: HubSource, folders: Iterable[Path]) -> Path | None:
    """Return the folder of a local copy of a repository, None if there is none.

    In each of `folders` a copy is called `owner/name`, `owner--name` or `name`, ignoring case; or the folder
    has the layout of the hub's own cache. A source that names a revision has no copy but one in that layout.
    """
    for folder in folders:
        cached = folder / f"models--{source.repo.replace('/', '--')}"
        revision = _read(cached / "refs" / (source.revision or "main")) or source.revision
        if revision and (cached / "snapshots" / revision).is_dir():
            return cached / "snapshots" / revision
        if source.revision is None and (found := _named(source.repo, folder)) is not None:
            return found
    return None


def _named(repo: str, folder: Path) -> Path | None:
    owner, _, name = repo.lower().partition("/")
    for one in _folders(folder):
        if one.name.lower() in {name, f"{owner}--{name}"}:
            return one
        if one.name.lower() == owner:
            inner = next((inside for inside in _folders(one) if inside.name.lower() == name), None)
            if inner is not None:
                return inner
    return None


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if one.is_dir())
    except OSError:
        return []


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
