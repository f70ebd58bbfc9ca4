"""Weights that are on this host already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.models.cached import cached_weights

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a hub cache, laid out as the hub's own client does."""
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return tmp_path / "hub"


def put(hub: Path, repo: str, *names: str) -> Path:
    """Put a snapshot of empty files into the cache."""
    folder = hub / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    for name in names:
        (folder / "snapshots" / "abc" / name).touch()
    return folder / "snapshots" / "abc"


def test_hub_ids(hub: Path) -> None:
    """A snapshot's folder, or one GGUF file of it; what was not fetched is not here."""
    folder = put(hub, "o/m", "config.json")
    quants = put(hub, "o/g", "g-Q4_K_M.gguf", "g-Q8_0.gguf")
    assert cached_weights("o/m") == folder
    assert cached_weights("o/g:Q8_0") == quants / "g-Q8_0.gguf"
    for absent in ("o/g:Q2_K", "o/other", "builtin:tiny-glm", "x.gguf", "/no/such/file"):
        assert cached_weights(absent) is None


def test_paths(tmp_path: Path) -> None:
    """A path is what it is."""
    (tmp_path / "m.gguf").touch()
    assert cached_weights(str(tmp_path / "m.gguf")) == tmp_path / "m.gguf"
    assert cached_weights(str(tmp_path)) == tmp_path


def test_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is where its own client looks for it."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "here"))
    folder = put(tmp_path / "here", "o/m", "config.json")
    assert cached_weights("o/m") == folder
