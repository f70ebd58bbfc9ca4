"""Slots that processes of a host take from each other."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import slots
from pytest_llmbench.slots import SlotFile, wait_for
from tests.users import USER

if TYPE_CHECKING:
    from pathlib import Path

_HOLDER = """
import sys, pathlib
from pytest_llmbench.slots import SlotFile
held = SlotFile(pathlib.Path(sys.argv[1]), 10).take(int(sys.argv[2]), sys.argv[3])
print("held" if held else "none", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def file(tmp_path: Path) -> SlotFile:
    """Give a file of ten slots."""
    return SlotFile(tmp_path / "x.lock", 10)


def holder(tmp_path: Path, count: int, what: str) -> subprocess.Popen[str]:
    """Start a process that takes slots of that file and keeps them."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "x.lock"), str(count), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Kill it, as nobody would."""
    process.kill()
    process.communicate()


def test_slots_are_taken_beside_each_other(file: SlotFile) -> None:
    """Until there are none, also within one process; released ones can be had again."""
    first, second = file.take(4, "a"), file.take(6, "b")
    assert first
    assert second
    assert file.take(1, "c") is None
    first.release()
    first.release()
    assert file.take(5, "d") is None
    third = file.take(4, "e")
    assert third
    third.release()
    second.release()


def test_another_process_is_named_and_its_death_frees_its_slots(file: SlotFile, tmp_path: Path) -> None:
    """The kernel gives back what a killed process held, and whoever waits can tell who that is."""
    small, rest = holder(tmp_path, 3, "measuring a"), holder(tmp_path, 5, "starting b")
    holders = [(small.pid, USER, "measuring a"), (rest.pid, USER, "starting b")]
    assert sorted(file.holders()) == sorted(holders)
    assert str(file.holders()[0]) == f"measuring a (pid {small.pid}, {USER})"
    assert file.take(10, "all") is None
    end(small)
    assert [what for _, _, what in file.holders()] == ["starting b"]
    end(rest)
    held = file.take(10, "all")
    assert held
    assert file.holders() == ()  # but ourselves
    held.release()


def test_waiting(file: SlotFile, tmp_path: Path) -> None:
    """What is waited for comes with its holder's end; who has no time goes without."""
    queue = SlotFile(tmp_path / "queue", 1)
    other = holder(tmp_path, 10, "x")
    waited = []

    def on_wait() -> None:
        waited.append(file.holders())
        if len(waited) == 2:
            end(other)

    assert wait_for(lambda: file.take(10, "y"), queue, "y", timeout=0, on_wait=on_wait) is None
    held = wait_for(lambda: file.take(10, "y"), queue, "y", timeout=60, on_wait=on_wait)
    assert held
    assert waited[0] == ((other.pid, USER, "x"),)
    held.release()


def test_the_queue_keeps_small_wishes_behind_a_large_one(file: SlotFile, tmp_path: Path) -> None:
    """Who waits for all of it has the next turn: nobody takes a part before it."""
    queue = SlotFile(tmp_path / "queue", 1)
    half = file.take(5, "running")
    assert half
    turn = queue.take(1, "wants all")  # as somebody who waits has
    assert turn
    assert wait_for(lambda: file.take(1, "small"), queue, "s", timeout=0, on_wait=lambda: None) is None
    turn.release()
    small = wait_for(lambda: file.take(1, "small"), queue, "s", timeout=0, on_wait=lambda: None)
    assert small
    small.release()
    half.release()


def test_a_holder_elsewhere_with_our_process_id(file: SlotFile, tmp_path: Path) -> None:
    """Two containers that share the folder may both have a process 7: it is not taken for ourselves."""
    other = holder(tmp_path, 4, "measuring a")
    path = tmp_path / "x.lock"
    path.write_bytes(path.read_bytes().replace(str(other.pid).encode(), str(os.getpid()).encode(), 1))
    assert file.holders() == ((os.getpid(), USER, "measuring a"),)
    end(other)


def test_what_others_wrote_is_only_shown(file: SlotFile, tmp_path: Path) -> None:
    """Whatever stands there, it neither fails nor does anything to the terminal."""
    other = holder(tmp_path, 4, "a\x1b[2Jb")
    assert [what for _, _, what in file.holders()] == ["a?[2Jb"]
    (tmp_path / "x.lock").write_bytes(b"\xff" * 200)
    assert [str(one) for one in file.holders()] == ["another process"]
    end(other)


def test_a_lock_without_an_end(file: SlotFile, tmp_path: Path) -> None:
    """Somebody who locks the whole file as other programs do holds all of it, under no name."""
    held = file.take(1, "make it")
    assert held
    held.release()
    code = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(1); input()"
    command = [sys.executable, "-u", "-c", code, str(tmp_path / "x.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "1\n"
        assert file.take(1, "x") is None
        assert [str(one) for one in file.holders()] == ["another process"]
        process.communicate("\n")


def test_a_file_that_was_removed(file: SlotFile, tmp_path: Path) -> None:
    """Whoever opened it before and locks it after has nothing: the others lock a new one."""
    path = tmp_path / "x.lock"
    held = file.take(1, "first")
    assert held
    held.release()
    old = os.open(path, os.O_RDWR)
    path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots, "open_shared", lambda _path: os.dup(old))
        assert file.take(10, "late") is None
    os.close(old)
    held = file.take(10, "new")
    assert held
    held.release()
