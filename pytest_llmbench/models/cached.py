"""Where a model's weights are on this host already; nothing is made, downloaded or asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.hub import hub_cache
from pytest_llmbench.models.quants import choose_gguf
from pytest_llmbench.models.source import find_copy, parse_source

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["cached_weights", "weights_in"]


def cached_weights(source: str, folders: Iterable[Path] = ()) -> Path | None:
    """Return a GGUF file or a folder with weights, None if it is not here.

    `source` is a path or a hub id; `folders` may hold local copies of repositories. Builtin models are made
    when they are needed.
    """
    if source.startswith("builtin:"):
        return None
    path = Path(source).expanduser()
    if path.exists():
        return path
    named = parse_source(source)
    copy = find_copy(named, [*folders, hub_cache()]) if named else None
    if named is None or copy is None:
        return None
    try:
        return weights_in(copy, named.repo, named.quant)
    except UsageError:  # another quantization than the one that is here
        return None


def weights_in(folder: Path, repo: str, quant: str | None) -> Path:
    """Return the GGUF file that a folder is searched for, or the folder itself if it has none.

    Raises:
        UsageError: it has GGUF files, but not the one that is wanted.
    """
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*.gguf")]
    if not names and quant is None:
        return folder
    return folder / choose_gguf(names, repo, quant)[0]
