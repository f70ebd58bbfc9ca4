"""CPU time of a tree of processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_llmbench.calibration.cpu import descendants_seconds, tree_seconds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def _burning() -> subprocess.Popen[str]:
    """A grandchild burns half a second of CPU, says so, and waits for the end of its input."""
    code = (
        "import subprocess, sys, time\n"
        "burn = 'import sys, time\\nwhile time.process_time() < 0.5: pass\\n"
        "print(1, flush=True); sys.stdin.read()'\n"
        "subprocess.run([sys.executable, '-c', burn])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_grandchildren_count_while_they_live_and_when_they_have_been_waited_for() -> None:
    """As descendants first, then in what was waited for; and not twice."""
    before = tree_seconds()
    with _burning() as child:
        assert child.stdout is not None
        child.stdout.readline()
        living = tree_seconds() - before
        assert living >= 0.4
        assert tree_seconds(without={child.pid}) < before + living
        assert descendants_seconds(child.pid) >= 0.4
    assert tree_seconds() - before >= 0.4
    # Of this process there may be others, left by other tests.
    assert descendants_seconds(child.pid) == 0
