"""Files that all users of a host share."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import shared_files
from pytest_llmbench.errors import StorageError
from pytest_llmbench.shared_files import LOCK_FOLDER, is_current, lock_folder, open_shared
from pytest_llmbench.slots import SlotFile
from tests.users import BECOME_OTHER, OTHER

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def shared() -> Iterator[Path]:
    """Give a folder like /tmp, which all users reach."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


def test_one_folder_for_all_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever their TMPDIR; the first where everybody may make files and nobody removes those of others."""
    monkeypatch.delenv(LOCK_FOLDER)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert lock_folder() in {Path("/run/lock"), Path("/tmp")}
    places = (tmp_path / "not there", tmp_path / "of root", tmp_path / "for all", tmp_path / "last")
    for folder, mode in zip(places[1:], (0o755, 0o1777, 0o1777), strict=True):
        folder.mkdir()
        folder.chmod(mode)
    monkeypatch.setattr(shared_files, "_SHARED", places)
    assert lock_folder() == places[2]
    places[2].chmod(0o777)  # there anybody could remove a lock that is held
    assert lock_folder() == places[3]
    monkeypatch.setenv(LOCK_FOLDER, "/somewhere/else")
    assert lock_folder() == Path("/somewhere/else")


def test_made_by_many_at_once(tmp_path: Path) -> None:
    """Folder and file are made by whoever comes first, and all others open the same one."""
    many, rounds = 8, 50
    together = threading.Barrier(many)

    def open_one(folder: Path) -> int:
        together.wait()
        return open_shared(folder / "x.lock")

    with ThreadPoolExecutor(many) as pool:
        for number in range(rounds):
            descriptors = list(pool.map(open_one, [tmp_path / str(number)] * many))
            assert len({os.fstat(descriptor).st_ino for descriptor in descriptors}) == 1
            for descriptor in descriptors:
                os.close(descriptor)


def test_made_for_all(tmp_path: Path) -> None:
    """Whatever the umask of who came first, and the folder too if it was named and is not there."""
    before = os.umask(0o077)
    try:
        os.close(open_shared(tmp_path / "new" / "x.lock"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "x.lock").stat().st_mode) == 0o666
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o1777


@pytest.mark.parametrize("kind", ["link", "dangling", "hard link", "pipe", "folder"])
def test_what_somebody_put_in_its_place(tmp_path: Path, kind: str) -> None:
    """Is refused with a way out, and what a link leads to is not touched."""
    path, victim = tmp_path / "x.lock", tmp_path / "victim"
    if kind != "dangling":
        victim.write_text("precious")
    match kind:
        case "link" | "dangling":
            path.symlink_to(victim)
        case "hard link":
            path.hardlink_to(victim)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
    with pytest.raises(StorageError, match=rf"x\.lock: cannot open the lock: .*; {LOCK_FOLDER} names"):
        SlotFile(path, 10).take(10, "x")
    assert not victim.exists() if kind == "dangling" else victim.read_text() == "precious"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file/x\.lock: cannot open the lock: "):
        open_shared(tmp_path / "file" / "x.lock")


def test_a_file_that_is_there_no_more(tmp_path: Path) -> None:
    """Nor one that another stands in for."""
    descriptor = open_shared(tmp_path / "x.lock")
    assert is_current(tmp_path / "x.lock", descriptor)
    (tmp_path / "x.lock").unlink()
    assert not is_current(tmp_path / "x.lock", descriptor)
    other = open_shared(tmp_path / "x.lock")
    assert not is_current(tmp_path / "x.lock", descriptor)
    os.close(other)
    os.close(descriptor)


_HOLDER = f"""
import pathlib, sys
from pytest_llmbench.slots import SlotFile
{BECOME_OTHER}
held = SlotFile(pathlib.Path(sys.argv[1]), 10).take(4, "measuring a")
print("held" if held else "none", flush=True)
sys.stdin.readline()
os.unlink(sys.argv[1])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_two_users(shared: Path) -> None:
    """Whoever made the file, the other takes part and is named; what is not his he cannot remove."""
    ours = SlotFile(shared / "ours.lock", 10).take(4, "starting b")
    assert ours
    for name, removes in (("ours.lock", False), ("theirs.lock", True)):
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(shared / name)],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        file = SlotFile(shared / name, 10)
        assert [str(one) for one in file.holders()] == [f"measuring a (pid {process.pid}, {OTHER})"]
        assert file.take(10, "all") is None
        _, errors = process.communicate("\n")
        assert (process.returncode == 0) == removes, errors
    ours.release()
    ours = SlotFile(shared / "ours.lock", 10).take(10, "all")
    assert ours
    ours.release()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_its_maker_has_not_opened_to_all_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Is waited for; what stays closed is an error."""
    refusals = [PermissionError(13, "Permission denied")]

    def opened(_path: Path) -> int:
        if refusals:
            raise refusals.pop()
        return 7

    if what == "file":
        (tmp_path / "x.lock").touch()
    monkeypatch.setattr(shared_files, "_open", opened)
    assert open_shared(tmp_path / "x.lock") == 7
    monkeypatch.setattr(shared_files, "_MADE_SECONDS", 0)
    refusals.append(PermissionError(13, "Permission denied"))
    with pytest.raises(StorageError, match="cannot open the lock: Permission denied"):
        open_shared(tmp_path / "x.lock")
