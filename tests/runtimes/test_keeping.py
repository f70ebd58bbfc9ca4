"""Local processes that are kept: real servers, used by a later start, and ended by nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_llmbench.models import locate
from pytest_llmbench.runtimes.activity import family
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.runtimes.found import find_servers
from pytest_llmbench.runtimes.found_processes import find_processes, sweep_processes
from pytest_llmbench.runtimes.process import Process
from pytest_llmbench.spec.deployment import Deployment
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.found_processes import FoundProcess
    from pytest_llmbench.runtimes.process import ProcessServer

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


class Start(Protocol):
    """Starts a server, kept unless told otherwise."""

    def __call__(self, changes: dict[str, object] | None = None, *, keep: bool = True) -> ProcessServer:
        """Start it with changes of its deployment."""


@pytest.fixture(autouse=True)
def _own_cache(model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(model_cache))


@pytest.fixture
def deployment(llama_program: str) -> Deployment:
    """Say what to start, under a name that no other test's server has."""
    return Deployment(
        model=f"tiny{uuid.uuid4().hex[:8]}",
        source="builtin:tiny-llama",
        backend="llama",
        runtime="process",
        program=llama_program,
        args=(("threads", 1), ("parallel", 1), ("ctx-size", 1024)),
    )


@pytest.fixture
def context(tmp_path: Path) -> StartContext:
    """A context with its log, that keeps."""
    return StartContext(tmp_path / "server.log", session="test", keep=True)


@pytest.fixture
def start(deployment: Deployment, context: StartContext) -> Iterator[Start]:
    """Start servers; all that are left are ended after the test."""

    def begin(changes: dict[str, object] | None = None, *, keep: bool = True) -> ProcessServer:
        running = Process().start(deployment.model_copy(update=changes or {}), replace(context, keep=keep))
        running_here.append(running)
        return running

    running_here: list[ProcessServer] = []
    yield begin
    for running in running_here:
        running.stop()
    for found in _all(deployment):
        found.end(at_once=True)
    assert _all(deployment) == []


def _all(deployment: Deployment) -> list[FoundProcess]:
    return [found for found in find_processes() if found.tag.deployment == deployment.id]


def test_a_later_start_uses_it(start: Start, deployment: Deployment, context: StartContext) -> None:
    """The same process answers under the same name; its facts and its log are those of its own start."""
    first = start()
    first.stop()
    assert first.exited() is None
    said: list[str] = []
    again = Process().start(deployment, replace(context, on_progress=said.append, log_path=Path("/no/log")))
    (found,) = _all(deployment)
    assert said == [f"using {found.name}, which was kept"]
    assert again.pid == first.pid
    assert again.server.base_url == first.server.base_url == found.address
    assert again.server.served_model == first.server.served_model
    assert again.server.facts == first.server.facts
    assert again.server.outlives
    assert first.server.outlives
    assert (found.kind, found.status, found.runs, found.tag.kept) == ("process", "running", True, True)
    assert b"".join(found.log()) == context.log_path.read_bytes()
    assert found in find_servers()
    again.stop()
    again.stop()
    with server_http(again.server) as http:
        assert http.get("/health").is_success
    found.end()
    assert (_all(deployment), again.exited() is None, first.exited() is None) == ([], False, False)
    found.end()


def test_only_what_is_the_same_is_used(
    start: Start, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, llama_program: str, tmp_path: Path
) -> None:
    """Not by a start that does not keep, nor with other arguments, secrets, variables, weights, program."""
    weights = tmp_path / "tiny.gguf"
    weights.write_bytes(locate("builtin:tiny-llama").read_bytes())
    program = tmp_path / "my-server"
    program.symlink_to(llama_program)
    changes: dict[str, object] = {"source": str(weights), "program": str(program)}
    monkeypatch.setenv("KEPT_KEY", "one")
    seen = [start(changes).pid]
    assert start(changes, keep=False).pid not in seen

    def other(**more: object) -> None:
        pid = start({**changes, **more}).pid
        assert pid not in seen
        assert start({**changes, **more}).pid == pid
        for found in _all(deployment):
            found.end(at_once=True)
        seen.append(pid)

    other(args=(("threads", 1), ("parallel", 2), ("ctx-size", 1024)))
    other(secrets=("KEPT_KEY",))
    monkeypatch.setenv("KEPT_KEY", "two")
    other(secrets=("KEPT_KEY",))
    monkeypatch.setenv("GGML_LOG", "more")
    other()
    os.utime(weights, ns=(1, 1))
    other()
    assert start(changes).pid not in seen
    program.unlink()
    program.write_bytes(Path(llama_program).read_bytes())
    program.chmod(0o755)
    other()


def test_one_that_was_killed_or_frozen_is_not_used(
    start: Start, deployment: Deployment, context: StartContext
) -> None:
    """A start that finds none that runs well makes its own; who uses one that goes is told."""
    first = start()
    using = Process().start(deployment, context)
    assert using.pid == first.pid
    os.kill(first.pid, signal.SIGKILL)
    until(using.exited)
    gone = "the server, which is kept, has ended: somebody stopped it, or it crashed"
    assert (using.exited(), first.exited()) == (gone, gone)
    second = start()
    assert second.pid != first.pid
    os.kill([*family(second.pid)][1], signal.SIGSTOP)
    assert start().pid != second.pid
    (frozen,) = (found for found in _all(deployment) if found.pid == second.pid)
    assert (frozen.status, frozen.exited()) == ("stopped", second.exited())
    frozen.end()
    assert second.exited() == gone


_OWNER = """
import sys
from pathlib import Path
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.process import Process
from pytest_llmbench.spec.deployment import Deployment
deployment = Deployment.model_validate_json(sys.argv[1])
{before}
context = StartContext(Path(sys.argv[2]), keep=True, on_progress=lambda text: print(text, flush=True))
server = Process().start(deployment, context)
server.stop()
"""


def _owner(deployment: Deployment, log: Path, before: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _OWNER.format(before=before), deployment.model_dump_json(), str(log)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_it_outlives_who_started_it(start: Start, deployment: Deployment, tmp_path: Path) -> None:
    """Its owner has ended and no sweep takes it, and the next one uses it, also when its log was removed."""
    with _owner(deployment, tmp_path / "log") as owner:
        owner.communicate(timeout=200)
    (found,) = _all(deployment)
    assert found.tag.owner.lives() is False
    assert found.name not in {one.name for one in sweep_processes()}
    (tmp_path / "log").unlink()
    running = start()
    assert running.pid == found.pid
    (last,) = found.log(tail=1)
    assert last == b"".join(found.log()).splitlines(keepends=True)[-1]


def test_one_whose_start_was_killed_is_gone(deployment: Deployment, tmp_path: Path) -> None:
    """It is kept once it is ready, not before: nobody would know of it."""
    hanging = tmp_path / "hanging"
    hanging.write_text(f"#!{sys.executable}\nimport time\nprint('loading', flush=True)\ntime.sleep(600)\n")
    hanging.chmod(0o755)
    waiting = deployment.model_copy(update={"program": str(hanging)})
    with _owner(waiting, tmp_path / "log") as owner:
        until(lambda: "loading" in ((tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""))
        assert len(_all(deployment)) == 1
        owner.kill()
    until(lambda: _all(deployment) == [])


_WITH_WORKER = """#!{python}
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
os.execv({program!r}, [{program!r}, *sys.argv[1:]])
"""


def test_what_a_killed_guard_left_is_swept(
    start: Start, deployment: Deployment, llama_program: str, tmp_path: Path
) -> None:
    """A worker with a session of its own survives the guard; it is no server, and the next start ends it."""
    program = tmp_path / "with-worker"
    program.write_text(_WITH_WORKER.format(python=sys.executable, program=llama_program))
    program.chmod(0o755)
    running = start({"program": str(program)})
    _, _, child = family(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: [found.pids for found in _all(deployment)] == [(child,)])
    (left,) = _all(deployment)
    assert (left.status, left.runs, left.tag.kept, left.tag.orphaned) == ("without guard", False, False, True)
    assert left.name in {one.name for one in sweep_processes()}
    until(lambda: _all(deployment) == [])


def test_what_is_not_ours_is_left_alone(start: Start, deployment: Deployment) -> None:
    """A process that has such a variable and no mark of ours is none of our servers."""
    running = start()
    foreign = [
        subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"LLMBENCH_SERVER": text}
        )
        for text in ("", "nonsense", "{}", '{"labels": {"pytest-llmbench": "image"}}', "[1]")
    ]
    try:
        sweep_processes()
        assert [found.pid for found in _all(deployment)] == [running.pid]
        assert not {process.pid for process in foreign} & {
            pid for found in find_processes() for pid in found.pids
        }
        assert [process.poll() for process in foreign] == [None] * len(foreign)
    finally:
        for process in foreign:
            process.communicate(b"\n")


def test_who_follows_its_log_sees_its_end(
    start: Start, deployment: Deployment, context: StartContext
) -> None:
    """What it has said comes, then what it says meanwhile, until it has ended."""
    start()
    (found,) = _all(deployment)
    said = found.log(follow=True)
    first = next(said)
    found.end()
    assert first + b"".join(said) == context.log_path.read_bytes()
