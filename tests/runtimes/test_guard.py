from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_llmbench.runtimes import guard

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def test_engine_runs_on_the_cores_it_was_given() -> None:
    """The first argument says which; without it the engine runs where everybody does."""
    core = min(os.sched_getaffinity(0))
    command = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
    for cores, told in ((str(core), [core]), ("", sorted(os.sched_getaffinity(0)))):
        started = subprocess.Popen(
            [sys.executable, "-m", guard.__name__, cores, *command],
            stdin=subprocess.PIPE,  # closed, it would be told to end
            stdout=subprocess.PIPE,
            text=True,
        )
        assert started.stdout is not None
        assert started.stdout.read().strip() == str(told)
        started.communicate()
        assert started.returncode == 0
