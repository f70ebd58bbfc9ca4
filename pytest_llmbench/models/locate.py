"""From what a configuration calls a model to weights on this host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.builtin import builtin_path
from pytest_llmbench.models.cached import weights_in
from pytest_llmbench.models.hub import hub_folder, hub_gguf
from pytest_llmbench.models.source import find_copy, parse_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["GGUF", "locate"]

GGUF = "gguf"
_BUILTIN = "builtin:"


def locate(
    source: str,
    on_progress: Callable[[str], None] = lambda _text: None,
    *,
    formats: Sequence[str] = (GGUF,),
    folders: Sequence[Path] = (),
) -> Path:
    """Return the weights a model's source stands for: a GGUF file, or a folder for engines that load those.

    May make or download them: call it when a server starts, never while collecting.

    Args:
        source: `builtin:<name>`, a path, or a hub id (`repo`, `repo:QUANT`, either with `@revision`).
        on_progress: receives short texts while a download runs.
        formats: of weights the engine loads, `gguf` or `safetensors`; it decides what is fetched of a
            repository that has both.
        folders: may hold local copies of repositories, which are taken first; see `find_copy`.

    Raises:
        UsageError: there is no such builtin model, file, repository, revision or quantization.
        Unavailable: a download is needed and impossible here.
        StorageError: the cache cannot be written.
    """
    if source.startswith(_BUILTIN):
        return builtin_path(source.removeprefix(_BUILTIN))
    path = Path(source).expanduser()
    if path.exists():
        return _local(path, source, formats)
    named = parse_source(source)
    if named is None:
        message = (
            f"no model file '{source}': write a path of a GGUF file or of a folder, builtin:<name>, "
            "or a hub id such as owner/name:Q4_K_M"
        )
        raise UsageError(message)
    copy = find_copy(named, folders)
    if copy is not None:
        on_progress(f"using the copy in {copy}")
        return _local(weights_in(copy, named.repo, named.quant), source, formats)
    if GGUF in formats or named.quant:
        return hub_gguf(named, on_progress)
    return hub_folder(named, on_progress)


def _local(path: Path, source: str, formats: Sequence[str]) -> Path:
    """Hold a path against what the engine loads."""
    if path.is_file():
        # A link of the hub's cache keeps its name: parts of a split model are found by it.
        return path.absolute()
    if GGUF in formats:
        message = f"model '{source}' is a directory: name one GGUF file in it"
        raise UsageError(message)
    if not (path / "config.json").is_file():
        message = f"model '{source}' is a folder without config.json: no model that an engine could load"
        raise UsageError(message)
    return path.absolute()
