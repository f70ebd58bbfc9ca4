from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_llmbench.runtimes.activity import family
from pytest_llmbench.runtimes.found_processes import kill_family, sweep_processes
from pytest_llmbench.runtimes.labels import Tag
from pytest_llmbench.runtimes.local_process import LocalProcess
from pytest_llmbench.runtimes.marks import Mark
from pytest_llmbench.runtimes.owner import this_process
from tests.waiting import until

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

# An engine with a worker in a session of its own, as engines start them; neither heeds SIGTERM.
_STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", worker], start_new_session=True)
print("worker", child.pid, flush=True)
{then}
"""


def _stubborn(then: str) -> list[str]:
    return [sys.executable, "-c", _STUBBORN.format(then=then)]


def _start(command: list[str], log: Path) -> LocalProcess:
    mark = Mark(f"test-{log.parent.name}-{log.name}", "", Tag("test", "tiny", this_process(), "tiny"))
    return LocalProcess(command, os.environ, log, mark)


def _worker(log: Path) -> int:
    until(lambda: log.exists() and "worker" in log.read_text())
    return int(log.read_text().split()[1])


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_end_is_told_as_it_was(tmp_path: Path) -> None:
    """An exit code and a signal of the engine come through its guard."""
    for then, told in (
        ("raise SystemExit(7)", "the server exited with code 7"),
        ("import os; os.kill(os.getpid(), 9)", "the server was ended by SIGKILL"),
    ):
        process = _start([sys.executable, "-c", then], tmp_path / "log")
        until(process.exited)
        assert process.exited() == told
        process.stop()


def test_program_that_is_not_there(tmp_path: Path) -> None:
    """What cannot be started says why in the log."""
    process = _start(["/no/such/engine"], tmp_path / "log")
    until(process.exited)
    assert process.exited() == "the server exited with code 127"
    assert (tmp_path / "log").read_text() == "/no/such/engine: No such file or directory\n"
    process.stop()


def test_workers_of_an_engine_that_died_are_ended(tmp_path: Path) -> None:
    """A worker in a session of its own does not outlive an engine that left it behind."""
    process = _start(_stubborn("os._exit(1)"), tmp_path / "log")
    worker = _worker(tmp_path / "log")
    until(process.exited)
    assert not _runs(worker)
    process.stop()


def test_stop_ends_a_frozen_engine_and_its_workers(tmp_path: Path) -> None:
    """One that was stopped by a signal hears nothing; it is ended all the same, and twice does no harm."""
    process = _start(_stubborn("time.sleep(600)"), tmp_path / "log")
    worker = _worker(tmp_path / "log")
    everything = [*family(process.pid)]
    assert worker in everything
    os.kill(everything[1], signal.SIGSTOP)
    process.stop()
    process.stop()
    assert not [pid for pid in everything if _runs(pid)]


_OWNER = """
import os, sys, time
from pathlib import Path
from pytest_llmbench.runtimes.labels import Tag
from pytest_llmbench.runtimes.local_process import LocalProcess
from pytest_llmbench.runtimes.marks import Mark
from pytest_llmbench.runtimes.owner import this_process
mark = Mark(f"test-{os.getpid()}", "", Tag("test", "tiny", this_process(), "tiny"))
process = LocalProcess(sys.argv[2:], os.environ, Path(sys.argv[1]), mark)
print(process.pid, flush=True)
time.sleep(600)
"""


def _owner(log: Path, command: list[str]) -> tuple[subprocess.Popen[str], int]:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(log), *command], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    return owner, int(owner.stdout.readline())


def test_engine_ends_with_its_owner(tmp_path: Path) -> None:
    """Whoever measured was killed: the engine and its worker go, too, without anybody's help."""
    log = tmp_path / "log"
    owner, guard = _owner(log, _stubborn("time.sleep(600)"))
    worker = _worker(log)
    owner.kill()
    owner.communicate()
    until(lambda: not _runs(guard) and not _runs(worker))


def test_next_session_sweeps(tmp_path: Path) -> None:
    """Owner and guard were both killed: the next session ends what is left, and nothing else."""
    log = tmp_path / "log"
    owner, guard = _owner(log, _stubborn("time.sleep(600)"))
    worker = _worker(log)
    mine = _start(_stubborn("time.sleep(600)"), tmp_path / "mine")
    my_worker = _worker(tmp_path / "mine")
    os.kill(guard, signal.SIGKILL)
    owner.kill()
    owner.communicate()
    until(lambda: not _runs(guard))
    assert worker in [pid for found in sweep_processes() for pid in found.pids]
    until(lambda: not _runs(worker))
    assert _runs(my_worker)
    assert mine.exited() is None
    kill_family(mine.pid)  # it would use all of its grace
    mine.stop()
