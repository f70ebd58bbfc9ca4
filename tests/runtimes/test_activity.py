from __future__ import annotations

import os
import subprocess
import sys

from pytest_llmbench.runtimes.activity import activity, family, memory_kills


def test_family_and_its_memory() -> None:
    """A child's memory counts as its parent's activity; a process that is gone has none."""
    before = activity(os.getpid())[0]
    code = "x = bytearray(2**28); print(len(x), flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in list(family(os.getpid()))
        assert activity(os.getpid())[0] >= before + 12
        child.communicate("\n")
    assert activity(child.pid) == (0, 0)
    assert activity(0) == (0, 0)


_RESTLESS = """
import subprocess, sys, threading
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
while True:
    threads = [threading.Thread(target=int) for _ in range(20)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


def test_family_of_a_process_whose_threads_come_and_go() -> None:
    """A thread that ends while it is looked at does not hide the children of the others."""
    parent = subprocess.Popen([sys.executable, "-c", _RESTLESS], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        seen = [child in list(family(parent.pid)) for _ in range(500)]
        parent.kill()
    assert all(seen)


def test_nobody_was_killed_for_memory() -> None:
    """Of a process that is gone nothing is known; tests/docker has one that was killed."""
    assert memory_kills(0) == 0
