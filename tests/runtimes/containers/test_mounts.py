from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.containers.mounts import Mount, user_mount, weights_mounts

if TYPE_CHECKING:
    from pathlib import Path


def test_shards_are_mounted_together(tmp_path: Path) -> None:
    """Each as the file it is, read-only, beside its sisters, whatever else lies in the folder."""
    blob = tmp_path / "blob"
    blob.write_bytes(b"")
    names = [f"m-0000{number}-of-00002.gguf" for number in (1, 2)]
    for name in names:
        (tmp_path / name).symlink_to(blob)
    mounts, inside = weights_mounts(tmp_path / names[0])
    assert inside == f"/models/{names[0]}"
    assert [mount.bind for mount in mounts] == [f"{blob}:/models/{name}:ro" for name in names]


def test_a_folder_of_the_hubs_cache_is_mounted_whole(tmp_path: Path) -> None:
    """Its files are links to others beside it, which must lead somewhere inside, too."""
    snapshot = tmp_path / "models--org--m" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    mounts, inside = weights_mounts(snapshot)
    assert mounts == [Mount(str(tmp_path / "models--org--m"), "/models/models--org--m")]
    assert inside == "/models/models--org--m/snapshots/abc"
    plain = tmp_path / "plain"
    plain.mkdir()
    assert weights_mounts(plain) == ([Mount(str(plain), "/models/plain")], "/models/plain")


def test_volumes_of_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, which must exist, or the name of a volume; writable unless said otherwise."""
    monkeypatch.chdir(tmp_path)
    assert user_mount("./:/data:ro") == Mount(str(tmp_path), "/data")
    assert user_mount("cache:/root/.cache").bind == "cache:/root/.cache:rw"
    for text in ("/data", "x:relative", "a:/b:maybe", ":/b"):
        with pytest.raises(UsageError, match="is not HOST:/CONTAINER"):
            user_mount(text)
    with pytest.raises(UsageError, match="/nowhere/at/all does not exist"):
        user_mount("/nowhere/at/all:/x")
