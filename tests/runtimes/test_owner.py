from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from pytest_llmbench.runtimes.owner import Owner, this_process


def test_we_live() -> None:
    """This process is told to live, and one with its id that started at another time is not."""
    assert this_process().lives() is True
    assert replace(this_process(), started="1").lives() is False


def test_an_ended_process_is_dead() -> None:
    """Also while nobody has waited for it, when its id is still there."""
    code = "from pytest_llmbench.runtimes.owner import this_process as p; o = p(); print(o.pid, o.started)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pid, started = child.stdout.read().split()
        assert int(pid) == child.pid
        ended = replace(this_process(), pid=child.pid, started=started)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert ended.lives() is False
    assert ended.lives() is False


def test_another_run_of_the_system_is_over() -> None:
    """Whatever has that process id since the last boot is another process."""
    assert replace(this_process(), boot="before").lives() is False


def test_of_another_host_nothing_is_known() -> None:
    """Process ids of another host or namespace mean nothing here."""
    assert Owner(1, "1", "boot", "elsewhere").lives() is None
