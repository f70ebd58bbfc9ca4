from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models import locate
from pytest_llmbench.models.source import HubSource, find_copy, parse_source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("owner/name", HubSource("owner/name")),
        ("owner/name:Q4_K_M", HubSource("owner/name", "Q4_K_M")),
        ("owner/name@abc", HubSource("owner/name", None, "abc")),
        ("owner/name:Q8_0@refs/pr/1", HubSource("owner/name", "Q8_0", "refs/pr/1")),
        ("./owner/name", None),
        ("/owner/name", None),
        ("owner/name.gguf", None),
        ("name", None),
    ],
)
def test_hub_ids(text: str, source: HubSource | None) -> None:
    """Repository, quantization and revision are told apart; a path is no hub id."""
    assert parse_source(text) == source
    if source:
        assert str(source) == text


@pytest.mark.parametrize("name", ["Owner/Name", "owner--name", "name"])
def test_copies_by_their_names(tmp_path: Path, name: str) -> None:
    """A copy is called as the repository is, with its owner or without."""
    (tmp_path / name).mkdir(parents=True)
    assert find_copy(HubSource("owner/name"), [tmp_path / "none", tmp_path]) == tmp_path / name
    assert find_copy(HubSource("owner/other"), [tmp_path]) is None
    # Nobody knows which revision it is.
    assert find_copy(HubSource("owner/name", None, "v1"), [tmp_path]) is None


def test_copies_in_the_hubs_own_layout(tmp_path: Path) -> None:
    """Branches lead to commits; a commit is itself."""
    root = tmp_path / "models--owner--name"
    (root / "snapshots" / "abc").mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc\n")
    wanted = root / "snapshots" / "abc"
    assert find_copy(HubSource("owner/name"), [tmp_path]) == wanted
    assert find_copy(HubSource("owner/name", None, "abc"), [tmp_path]) == wanted
    assert find_copy(HubSource("owner/name", None, "v1"), [tmp_path]) is None


def test_copy_is_taken_before_the_hub(tmp_path: Path) -> None:
    """Of a copy the wanted GGUF is taken, or the folder; nothing is downloaded."""
    copy = tmp_path / "owner" / "name"
    copy.mkdir(parents=True)
    told: list[str] = []
    (copy / "config.json").write_text("{}")
    assert locate("owner/name", told.append, formats=["safetensors"], folders=[tmp_path]) == copy
    assert told == [f"using the copy in {copy}"]
    (copy / "name-Q8_0.gguf").write_bytes(b"GGUF")
    assert locate("owner/name:q8_0", formats=["gguf"], folders=[tmp_path]) == copy / "name-Q8_0.gguf"
    with pytest.raises(UsageError, match="no GGUF files named Q4"):
        locate("owner/name:Q4", formats=["gguf"], folders=[tmp_path])
