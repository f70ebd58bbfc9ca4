from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty cache directory that this process uses."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(directory))
    return directory
