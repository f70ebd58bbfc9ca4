from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import huggingface_hub
import pytest

from pytest_llmbench.errors import Unavailable, UsageError
from pytest_llmbench.models.hub import choose_gguf, hub_path
from pytest_llmbench.models.locate import locate

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    "README.md",
    "mmproj-F16.gguf",
    "Tiny-Q4_K_M.gguf",
    "Tiny-Q8_0.gguf",
    "BF16/Tiny-BF16-00001-of-00002.gguf",
    "BF16/Tiny-BF16-00002-of-00002.gguf",
]


def test_quantization_ignores_case() -> None:
    """The quantization is found whatever its case."""
    assert choose_gguf(FILES, "a/b", "q4_k_m") == ["Tiny-Q4_K_M.gguf"]


def test_shards_come_in_order() -> None:
    """All shards of one model are one choice, the first first."""
    assert choose_gguf(reversed(FILES), "a/b", "bf16") == FILES[4:]


def test_exact_quantization_wins() -> None:
    """A quantization that is part of another's name means the one it names."""
    names = ["t-Q4_K.gguf", "t-Q4_K_M.gguf", "t-IQ4_K.gguf"]
    assert choose_gguf(names, "a/b", "Q4_K") == ["t-Q4_K.gguf"]


def test_unknown_quantization_lists_what_there_is() -> None:
    """A quantization the repository lacks is answered with those it has."""
    with pytest.raises(UsageError, match=r"no GGUF files named Q5_K: write a/b:QUANT .* BF16, Q4_K_M, Q8_0"):
        choose_gguf(FILES, "a/b", "Q5_K")


def test_no_quantization_needs_one_model() -> None:
    """Without a quantization the repository must hold one model."""
    assert choose_gguf(["only.gguf"], "a/b", None) == ["only.gguf"]
    with pytest.raises(UsageError, match="several GGUF files"):
        choose_gguf(FILES, "a/b", None)
    with pytest.raises(UsageError, match="has no GGUF file"):
        choose_gguf(["README.md"], "a/b", "Q8_0")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Cut the hub off and give its empty cache."""

    def fail(*_args: object, **_options: object) -> None:
        message = "offline mode"
        raise huggingface_hub.errors.OfflineModeIsEnabled(message)

    monkeypatch.setattr(huggingface_hub, "list_repo_files", fail)
    whole = huggingface_hub.snapshot_download

    def cached_only(repo: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
        return str(
            whole(repo, cache_dir=tmp_path, allow_patterns=allow_patterns, local_files_only=local_files_only)
        )

    monkeypatch.setattr(huggingface_hub, "snapshot_download", cached_only)
    return tmp_path


def test_offline_takes_the_cached_file(offline: Path) -> None:
    """Without the hub a file fetched earlier is used."""
    root = offline / "models--owner--tiny"
    snapshot = root / "snapshots" / "abc"
    (snapshot / "sub").mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc")
    model = snapshot / "sub" / "tiny-Q8_0.gguf"
    model.write_bytes(b"GGUF")
    assert locate("owner/tiny:q8_0") == model


@pytest.mark.usefixtures("offline")
def test_offline_without_cache_is_unavailable() -> None:
    """Without the hub and without a cached file the reason says both."""
    with pytest.raises(Unavailable, match="the hub cannot be reached and owner/tiny is not in its cache"):
        locate("owner/tiny:Q8_0")


def test_download_fetches_every_shard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the hub every shard is fetched, progress is told, and the first is returned."""
    monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda _repo: FILES)
    fetched: list[str] = []

    def download(_repo: str, name: str) -> str:
        fetched.append(name)
        return str(tmp_path / name)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    told: list[str] = []
    assert hub_path("owner/tiny", "bf16", told.append) == tmp_path / FILES[4]
    assert fetched == FILES[4:]
    assert told[1] == f"fetching owner/tiny {FILES[5]} (2/2)"


def test_failed_download_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that breaks off skips with its first line."""

    def download(_repo: str, _name: str) -> str:
        message = "connection lost\nand more"
        raise OSError(message)

    monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda _repo: FILES)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(Unavailable, match=r"cannot fetch Tiny-Q8_0.gguf of owner/tiny: connection lost$"):
        hub_path("owner/tiny", "Q8_0")


def test_unknown_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository that does not exist is the user's mistake."""

    def fail(repo: str) -> list[str]:
        raise huggingface_hub.errors.HFValidationError(repo)

    monkeypatch.setattr(huggingface_hub, "list_repo_files", fail)
    with pytest.raises(UsageError, match="no hub repository"):
        hub_path("owner/tiny")


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the message says what to install."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(Unavailable, match=r"pip install 'pytest-llmbench\[hub\]'"):
        hub_path("owner/tiny")
