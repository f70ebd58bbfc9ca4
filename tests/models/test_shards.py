from __future__ import annotations

from pathlib import Path

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.shards import shard_stem, shards_of


def test_single_file() -> None:
    """A file that is not split is its only part."""
    assert shards_of(Path("m.gguf")) == [Path("m.gguf")]
    assert shard_stem("m.gguf") == "m.gguf"


def test_parts_in_order(tmp_path: Path) -> None:
    """Whichever part is named, all are found, the first first; one that is missing is named."""
    parts = [tmp_path / f"m-Q8_0-{number:05d}-of-00011.gguf" for number in range(1, 12)]
    for part in parts:
        part.touch()
    assert shards_of(parts[7]) == parts
    assert {shard_stem(part.name) for part in parts} == {"m-Q8_0"}
    parts[9].unlink()
    with pytest.raises(UsageError, match=r"one of 11 parts, and m-Q8_0-00010-of-00011\.gguf is not beside"):
        shards_of(parts[0])
