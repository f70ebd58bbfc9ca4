"""Counting server starts."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_llmbench.reports.starts import count_starts, note_start

if TYPE_CHECKING:
    from pathlib import Path

_WORKER = """
import os, pathlib, signal, sys
from pytest_llmbench.reports.starts import note_start
for number in range(100):
    note_start(pathlib.Path(sys.argv[1]), f"worker-{sys.argv[2]}-{number}")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_none(tmp_path: Path) -> None:
    """Nothing was started; a folder that cannot be written counts nothing and fails nothing."""
    assert count_starts(tmp_path) == 0
    note_start(tmp_path / "not there", "x")
    assert count_starts(tmp_path / "not there") == 0


def test_workers_that_are_killed(tmp_path: Path) -> None:
    """Each start is counted, whatever became of the worker and however many wrote at once."""
    workers = [subprocess.Popen([sys.executable, "-c", _WORKER, str(tmp_path), str(n)]) for n in range(4)]
    for worker in workers:
        worker.wait()
    assert count_starts(tmp_path) == 400
