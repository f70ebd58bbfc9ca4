"""Data sets: found in a folder of the user's, or fetched once at a pinned revision and held to a digest."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from pytest_llmbench.errors import StorageError, Unavailable, UsageError
from pytest_llmbench.files import read_bytes, write_atomically
from pytest_llmbench.models.cache import cache_dir, sha256

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DataFile", "EvalData", "read_rows"]

_HUB = "https://huggingface.co"
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DataFile:
    """A published file of JSON lines.

    Attributes:
        name: where it lies below `--bench-data-dir`; `*` stands for any text.
        url: where it is published, at a revision that does not move.
        sha256: of the published file.
    """

    name: str
    url: str
    sha256: str


class EvalData:
    """Finds data sets: below `folder` (`--bench-data-dir`), else in the cache or where they are published."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    @cached_property
    def nltk(self) -> Path | None:
        """The folder's `nltk_data`, if it has one."""
        place = self.folder / "nltk_data" if self.folder else None
        return place if place and place.is_dir() else None

    def rows(self, file: DataFile) -> list[dict[str, Any]]:
        """Read a file's lines.

        Raises:
            UsageError: the user's folder does not have it.
            Unavailable: it is not in the cache and cannot be fetched; the message says what to do.
            StorageError: what was fetched is not what was published, or a line is not JSON.
        """
        return read_rows(self._find(file))

    def _find(self, file: DataFile) -> Path:
        if self.folder is not None:
            found = sorted(self.folder.glob(file.name))
            if not found:
                message = f"--bench-data-dir: {self.folder} has no {file.name}"
                raise UsageError(message)
            return found[0]
        path = cache_dir() / "data" / f"{file.sha256[:12]}-{file.url.rpartition('/')[2]}"
        if sha256(path) != file.sha256:
            write_atomically(path, _fetch(file))
        return path


def read_rows(path: Path, *, torn: bool = False) -> list[dict[str, Any]]:
    """Read a file of JSON objects, one a line; a `StorageError` names file and line.

    What follows the last newline was not finished, if the file may be `torn`: it is left out.
    """
    lines = read_bytes(path).decode("utf-8", "replace").split("\n")
    rows = []
    for number, line in enumerate(lines[:-1] if torn else lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            message = f"line {number} is not JSON: {error}"
            raise StorageError(message, file=path) from error
        if not isinstance(row, dict):
            message = f"line {number} is no JSON object"
            raise StorageError(message, file=path)
        rows.append(row)
    return rows


def _fetch(file: DataFile) -> bytes:
    url = file.url
    if url.startswith(_HUB):
        url = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/") + url.removeprefix(_HUB)
    advice = f"put the file below a folder as {file.name} and give --bench-data-dir=FOLDER"
    if os.environ.get("HF_HUB_OFFLINE", "0") not in {"", "0"}:
        message = f"needs {url}, which HF_HUB_OFFLINE forbids to fetch: {advice}"
        raise Unavailable(message)
    try:
        response = httpx.get(url, follow_redirects=True, timeout=_SECONDS)
    except httpx.HTTPError as error:
        cause = str(error) or type(error).__name__
        message = f"needs {url}, which cannot be fetched ({cause}): {advice}"
        raise Unavailable(message) from error
    if not response.is_success:
        message = f"needs {url}, which cannot be fetched (HTTP {response.status_code}): {advice}"
        raise Unavailable(message)
    made = hashlib.sha256(response.content).hexdigest()
    if made != file.sha256:
        message = f"is not the published file: its SHA-256 is {made}, not {file.sha256}; {advice}"
        raise StorageError(message, file=url)
    return response.content
