"""Ctrl-C, kill -9 and a full disk: what had finished is kept, and nothing is left running."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.reports.results_log import assemble
from tests.plugin.conftest import Left
from tests.waiting import until

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine

_PATIENCE = 120.0

SUITE = """
    import pytest
    from pathlib import Path

    @pytest.mark.bench
    def test_first(bench):
        bench("tiny")

    @pytest.mark.bench
    def test_second(bench):
        bench("other")
        Path("measuring").touch()
        bench("endless")
"""


@pytest.fixture
def endless(project: Project) -> Project:
    """Give a project whose second test measures until it is stopped, on a real server."""
    project.suite(SUITE)
    (project.root / "mine.yaml").write_text(
        "models: [{id: m, source: 'builtin:tiny-glm', backends: {llama: {runtime: embedded}}}]\n"
        "workloads: {endless: {out: 16000, prompts: [Tell me everything]}}\n"
    )
    return project


def start(project: Project, *args: str) -> subprocess.Popen[str]:
    """Start a run, and return when it is in its last measurement."""
    command = project.command("--bench-config=mine.yaml", "--bench-requests=4", *args)
    process = subprocess.Popen(
        command,
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a group of its own, as a shell gives it
    )
    until(lambda: (project.root / "measuring").exists() or process.poll() is not None)
    # What a worker has told its controller is not written yet.
    until(lambda: results_written(project.root) or process.poll() is not None)
    return process


def results_written(root: Path) -> int:
    """Count the results in the log of the newest session, which is made with the first."""
    log = root / "results" / "latest" / "results.jsonl"
    return log.read_bytes().count(b'{"kind": "result"') if log.exists() else 0


def descendants(pid: int) -> set[int]:
    """Every process below this one, of sessions of their own, too."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
    found: set[int] = set()
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found |= level
    return found


def gone(pids: set[int]) -> bool:
    """Say whether all of them have ended."""
    return not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids)


def end(process: subprocess.Popen[str]) -> str:
    """Wait for the end and return what was said."""
    out, _ = process.communicate(timeout=_PATIENCE)
    return out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "sigterm"])
@pytest.mark.parametrize("mode", [["-p", "no:xdist"], ["-n2"]], ids=["alone", "n2"])
def test_interrupted_it_keeps_what_had_finished(
    endless: Project, mode: list[str], number: signal.Signals
) -> None:
    """Servers are stopped, finished results written and shown, no baseline is saved; exit code 2.

    Ctrl-C reaches all of a terminal's processes, SIGTERM the one that was named.
    """
    process = start(endless, "--bench-save=never", *mode)
    below = descendants(process.pid)
    assert len(below) >= 2
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    out = end(process)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, out
    assert ("Terminated: SIGTERM" if number == signal.SIGTERM else "KeyboardInterrupt") in out
    until(lambda: gone(below))
    left = Left(endless.root, process.returncode, out)
    assert left.report["session"]["complete"] is False
    workloads = [result["workload"]["id"] for result in left.results]
    assert workloads == (["tiny"] if "-n2" in mode else ["tiny", "other"])
    assert "benchmarks" in out
    assert (left.folder / "junit.xml").is_file()
    assert left.baseline("never") == {}
    assert "nothing saved: the session was interrupted" in out


@pytest.mark.parametrize("mode", [["-p", "no:xdist"], ["-n2"]], ids=["alone", "n2"])
def test_kill_leaves_nothing_running(endless: Project, mode: list[str]) -> None:
    """No server and no generator survives, and the log gives back what had finished."""
    process = start(endless, *mode)
    below = descendants(process.pid)
    assert len(below) >= 2
    process.kill()
    end(process)
    until(lambda: gone(below))
    document = assemble(Left(endless.root, 0, "").folder / "results.jsonl")
    assert not document.session.complete
    assert [result.workload.id for result in document.results] == ["tiny"]


def test_a_full_disk_loses_nothing_that_was_written(project: Project, engine: FakeEngine) -> None:
    """The error names the file, the exit code is not zero, and earlier results can be read."""
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        @pytest.mark.parametrize("number", range(4))
        def test_it(bench, number):
            bench("tiny")
        """
    )
    limit = 24_000  # bytes a file may have: enough for some of the results

    def no_space() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        project.command("-p", "no:cacheprovider"),
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=no_space,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert engine.requests
    assert done.returncode == 1, done.stdout
    assert "not written: " in done.stdout
    assert "results.jsonl: cannot write results: File too large; those already in it are safe" in done.stdout
    assert "report.json: cannot write" in done.stdout
    assert "report: results/latest/report.json" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    kept = assemble(Left(project.root, 1, "").folder / "results.jsonl").results
    assert 0 < len(kept) < 4


def test_a_worker_that_crashes(project: Project) -> None:
    """Its test fails, the others are measured on a new server, and no server is left."""
    project.suite(
        """
        import os
        import pytest

        @pytest.mark.bench
        @pytest.mark.parametrize("number", range(3))
        def test_it(bench, number):
            if number == 1:
                os._exit(9)
            bench("tiny")
        """
    )
    before = descendants(os.getpid())
    left = project("--bench-model=tiny-glm", "-n1")
    assert left.code == 1, left.out
    assert "crashed while running" in left.out
    assert len(left.results) == 2
    assert left.report["session"]["server_starts"] == 2
    until(lambda: gone(descendants(os.getpid()) - before))
