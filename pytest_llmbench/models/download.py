"""Fetching one large file of the hub so that a download that was cut or killed goes on where it stopped.

`huggingface_hub` takes a cut connection up again, but throws away what it has when its process ends: of a
GGUF of 40 GB that would be all of it. The file is put into the hub's own cache, where it finds it.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import httpx

from pytest_llmbench.errors import Unavailable
from pytest_llmbench.files import locked, make_folder
from pytest_llmbench.models.cache import sha256

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LARGE", "fetch_large"]

LARGE = 16 << 20
"""Smaller files (bytes) are not worth it."""

_TRIES = 5
_PAUSE_SECONDS = 1.0
_OTHERS_SECONDS = 86400.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


def fetch_large(hub: Any, repo: str, name: str, commit: str, blobs: Path) -> None:  # noqa: ANN401
    """Put a file of a repository into `blobs` under its digest, unless it is there.

    Of several processes that want it one fetches it, and the others wait: two that append to one part would
    damage it.

    Raises:
        Unavailable: what arrived is not what the hub has.
        httpx.TransportError: the connection broke again and again.
        StorageError: another process has been fetching it for a day.
    """
    url = hub.hf_hub_url(repo, name, revision=commit)
    metadata = hub.get_hf_file_metadata(url)
    whole = blobs / str(metadata.etag)
    if metadata.etag is None or metadata.size is None:
        return
    # Beside the hub's own locks: in `blobs`, it would count as a part of the model.
    lock = blobs.parents[1] / ".locks" / blobs.parent.name / f"{whole.name}.part.lock"
    with locked(lock, timeout=_OTHERS_SECONDS):
        if whole.exists():
            return
        part = whole.with_name(f"{whole.name}.part")
        make_folder(blobs)
        _fill(part, url, hub.utils.build_hf_headers(), int(metadata.size))
        if _SHA256.fullmatch(whole.name) and sha256(part) != whole.name:
            part.unlink()
            message = f"{name} of {repo} arrived damaged and was thrown away: fetch it again"
            raise Unavailable(message)
        part.replace(whole)


def _fill(part: Path, url: str, headers: dict[str, str], size: int) -> None:
    """Append to a file what it lacks, in as many tries as bring it forward."""
    tries = _TRIES
    while (have := part.stat().st_size if part.exists() else 0) < size:
        try:
            _append(part, url, headers, have)
        except httpx.TransportError:
            tries = _TRIES if part.exists() and part.stat().st_size > have else tries - 1
            if not tries:
                raise
            time.sleep(_PAUSE_SECONDS)


def _append(part: Path, url: str, headers: dict[str, str], have: int) -> None:
    asked = {**headers, "Accept-Encoding": "identity", "Range": f"bytes={have}-"}
    with (
        httpx.stream("GET", url, headers=asked, follow_redirects=True, timeout=60.0) as response,
        part.open("ab") as file,
    ):
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT:  # it sends all of it
            file.truncate(0)
        for piece in response.iter_raw():
            file.write(piece)
