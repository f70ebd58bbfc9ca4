from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models import locate
from pytest_llmbench.models.cache import cache_dir


def test_builtin(cache: Path) -> None:
    """`builtin:<name>` is the cached file."""
    assert locate("builtin:tiny-glm").parent == cache / "models"


def test_local_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is taken as it is, relative or from the home directory."""
    path = tmp_path / "my model.gguf"
    path.write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate(str(path)) == locate("my model.gguf") == locate("./my model.gguf") == path
    assert locate("~/my model.gguf") == path


@pytest.mark.parametrize("source", ["./gone.gguf", "/gone", "gone.gguf", "just-a-word", "~/a/b"])
def test_missing_file_says_what_can_be_written(source: str) -> None:
    """What is neither a file nor a hub id is answered with the three ways to name a model."""
    with pytest.raises(UsageError, match="builtin:<name>, or a hub id"):
        locate(source)


def test_directory_is_refused(tmp_path: Path) -> None:
    """A directory may hold several models: one has to be named."""
    with pytest.raises(UsageError, match="is a directory: name one GGUF file"):
        locate(os.fspath(tmp_path))


def test_cache_directory_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable the platform's cache directory is used."""
    monkeypatch.delenv("LLMBENCH_CACHE_DIR", raising=False)
    assert cache_dir().name == "pytest-llmbench"
    assert cache_dir() != Path("pytest-llmbench")
