"""From what a configuration calls a model to a file on this host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.builtin import builtin_path
from pytest_llmbench.models.hub import hub_path

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["locate"]

_BUILTIN = "builtin:"


def locate(source: str, on_progress: Callable[[str], None] = lambda _text: None) -> Path:
    """Return the GGUF file a model's source stands for.

    May make or download it: call it when a server starts, never while collecting.

    Args:
        source: `builtin:<name>`, a path of a GGUF file, or a hub id (`repo` or `repo:QUANT`).
        on_progress: receives short texts while a download runs.

    Raises:
        UsageError: there is no such builtin model, file, repository or quantization.
        Unavailable: a download is needed and impossible here.
        StorageError: the cache cannot be written.
    """
    if source.startswith(_BUILTIN):
        return builtin_path(source.removeprefix(_BUILTIN))
    path = Path(source).expanduser()
    if path.is_file():
        return path.resolve()
    if path.is_dir():
        message = f"model '{source}' is a directory: name one GGUF file in it"
        raise UsageError(message)
    repo, _, quant = source.partition(":")
    if source.startswith(("/", ".", "~")) or source.endswith(".gguf") or repo.count("/") != 1:
        message = (
            f"no model file '{source}': write a path of a GGUF file, builtin:<name>, "
            "or a hub id such as owner/name:Q4_K_M"
        )
        raise UsageError(message)
    return hub_path(repo, quant or None, on_progress)
