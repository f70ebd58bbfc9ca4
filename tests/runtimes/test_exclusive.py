"""Taking turns on a host."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import ServerError
from pytest_llmbench.runtimes.exclusive import Host
from tests.users import USER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_OTHER = """
import pathlib, sys
from pytest_llmbench.runtimes.exclusive import Host
host = Host(print, 0, pathlib.Path(sys.argv[1]))
with getattr(host, sys.argv[2])(sys.argv[3]):
    print("in", flush=True)
    sys.stdin.readline()
"""


def other(folder: Path, how: str, what: str) -> subprocess.Popen[str]:
    """Have another process at work."""
    command = [sys.executable, "-c", _OTHER, str(folder), how, what]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "in\n"
    return process


def host(folder: Path, on_wait: Callable[[str], None] = print, timeout: float = 0) -> Host:
    """Give this process's view."""
    return Host(on_wait, timeout, folder)


def test_a_measurement_is_alone(tmp_path: Path) -> None:
    """Neither measured nor loaded is beside it; who waits is told for whom, and until when."""
    process = other(tmp_path, "measuring", "measuring a")
    for attempt in ("measuring", "loading", "overlapping"):
        message = rf"^b: waited 0 s \(--bench-wait-timeout\) for measuring a \(pid {process.pid}, {USER}\)$"
        with pytest.raises(ServerError, match=message), getattr(host(tmp_path), attempt)("b"):
            pass
    told: list[str] = []

    def on_wait(text: str) -> None:
        told.append(text)
        process.kill()

    with host(tmp_path, on_wait, 60).measuring("measuring b"):
        pass
    process.communicate()
    assert told[0] == f"waiting for measuring a (pid {process.pid}, {USER})"


def test_loads_may_run_beside_each_other(tmp_path: Path) -> None:
    """But not beside a window, which waits for them."""
    process = other(tmp_path, "loading", "starting a")
    with host(tmp_path).loading("starting b"):
        pass
    with pytest.raises(ServerError, match="for starting a"), host(tmp_path).measuring("b"):
        pass
    process.communicate("\n")
    with host(tmp_path).measuring("b"):
        pass


def test_overlapping_measurements_know_each_other(tmp_path: Path) -> None:
    """Whoever was there at any time of the window."""
    process = other(tmp_path, "overlapping", "measuring a")
    with host(tmp_path).overlapping("measuring b") as look:
        assert look() == (f"measuring a (pid {process.pid}, {USER})",)
        process.communicate("\n")
        assert look() == (f"measuring a (pid {process.pid}, {USER})",)
    with host(tmp_path).overlapping("measuring b") as look:
        assert look() == ()
