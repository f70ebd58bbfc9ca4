"""What can go wrong with a server, each made to happen: it is named, and nothing is left behind.

With LLMBENCH_TEST_FAULTS=PATH what each printed is added to that file, a line of JSON each.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import LLMBenchError, ServerStartError, UsageError
from pytest_llmbench.runtimes.containers.daemon import connect
from pytest_llmbench.runtimes.containers.found import find_containers, sweep_containers
from pytest_llmbench.runtimes.docker import Docker
from pytest_llmbench.telemetry.gpu import GpuInfo
from tests.docker.conftest import BASE, IMAGE, boxed, ours
from tests.docker.sessions import Run
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.containers.daemon import Client, DockerContainer
    from tests.docker.second_daemon import SecondDaemon


Make = Callable[[str], str]
"""Makes an image whose server is a script, and returns its name."""

_REPLACE = (
    "mv /app/llama-server /app/real "
    '&& printf "%s" "$SCRIPT" > /app/llama-server '
    "&& chmod +x /app/llama-server"
)


@pytest.fixture(autouse=True, scope="module")
def foreign() -> Iterator[None]:
    """Have a container that looks like ours and is not: it must survive all that happens here."""
    container = connect().containers.run(
        IMAGE,
        ["-c", "sleep 3600"],
        entrypoint="/bin/sh",
        name=f"llmbench-tiny-glm.llama.tp01.gpux00-{os.getpid()}",
        labels={"pytest-llmbench.deployment": "tiny-glm.llama.tp01.gpux00", "pytest-llmbench.kept": "no"},
        detach=True,
    )
    yield
    container.reload()
    assert container.status == "running"
    container.remove(force=True)


def tell(fault: str, text: str) -> None:
    """Note what a fault printed, for the docs."""
    if path := os.environ.get("LLMBENCH_TEST_FAULTS"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"fault": fault, "said": text}) + "\n")


@pytest.fixture(scope="session")
def scripted() -> Iterator[Make]:
    """Make images whose server is a script, for faults that llama-server does not have on demand."""
    client = connect()
    made: list[DockerContainer] = []

    def make(script: str) -> str:
        container = client.containers.create(
            IMAGE,
            ["-c", _REPLACE],
            entrypoint="/bin/sh",
            environment={"SCRIPT": f"#!/bin/sh\n{script}\n"},
        )
        container.start()
        container.wait()
        image = container.commit("llmbench/scripted", f"{len(made)}")
        container.remove()
        made.append(image)
        return str(image.tags[0])

    yield make
    for image in made:
        client.images.remove(image.id, force=True)


def refused(
    fault: str, context: StartContext, error: type[LLMBenchError] = ServerStartError, **changes: object
) -> str:
    """Start a server that cannot start, and return what is said; note it."""
    with pytest.raises(error) as failure:
        Docker().start(boxed(**changes), context)
    text = str(failure.value)
    tell(fault, text.replace(str(context.log_path.parent), "..."))
    return text


def test_exits_before_it_is_ready(context: StartContext, scripted: Make) -> None:
    """With its code, and what it said last."""
    image = scripted("echo I cannot go on; exit 7")
    text = refused("exits before it is ready", context, image=image)
    assert "tiny-glm.llama.tp01.gpux00 did not start: the server exited with code 7" in text
    assert "| I cannot go on" in text
    assert f"whole log: {context.log_path}" in text


def test_hangs_before_it_is_ready(context: StartContext, scripted: Make) -> None:
    """After so long without progress, not after the whole time a start may take."""
    image = scripted("echo loading; exec sleep 600")
    text = refused("hangs before it is ready", replace(context, stall_timeout=2.0), image=image)
    assert "did not start: no progress for 2 s" in text
    assert "| loading" in text


def test_uses_more_memory_than_it_may(context: StartContext) -> None:
    """The kernel's kill is told from others by what Docker knows, not by the exit code."""
    text = refused("is killed for memory", context, memory="8m")
    # Its container ends a moment later: whoever looks in between cannot tell the server from a child.
    assert re.search(
        "(the server|one of its processes) was killed because the memory it may use was used up", text
    )


def test_a_child_uses_more_memory_than_it_may(context: StartContext, scripted: Make) -> None:
    """Though the server's first process lives on, and would never be ready."""
    image = scripted("tail /dev/zero & wait; exec sleep 600")
    text = refused("a child is killed for memory", context, image=image, memory="64m")
    assert "one of its processes was killed because the memory it may use was used up" in text


def test_port_is_taken(context: StartContext) -> None:
    """Where a port of the host was asked for."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = refused("port taken", replace(context, publish=("127.0.0.1", port)))
    assert "did not start: the port is taken on this host" in text


def test_a_stranger_answers(context: StartContext, scripted: Make) -> None:
    """A server under another name is not measured."""
    image = scripted('exec /app/real "$@" --alias stranger')
    text = refused("a stranger on the port", context, image=image)
    assert "another server answers at" in text
    assert "it serves stranger, not tiny-glm-" in text


def test_image_is_missing(context: StartContext) -> None:
    """It is named, and why it cannot be had."""
    text = refused("image missing", context, image="127.0.0.1:9/no/such:1")
    assert "image 127.0.0.1:9/no/such:1 cannot be pulled: " in text


def test_image_has_no_engine(context: StartContext) -> None:
    """An image of something else."""
    text = refused("image without the engine", context, image=BASE)
    assert "exited with code 127: the image does not have the engine's program" in text


def test_shared_memory_is_too_small(context: StartContext, scripted: Make) -> None:
    """The setting that helps is named."""
    image = scripted("dd if=/dev/zero of=/dev/shm/x bs=1M count=8; exit 1")
    text = refused("shm too small", context, image=image, shm_size="1m")
    assert "shared memory is too small: raise shm-size" in text


def test_bad_engine_argument(context: StartContext) -> None:
    """One that only the engine can judge."""
    text = refused("bad engine argument", context, extra_args=("--threads", "many"))
    assert "an engine argument is wrong" in text
    assert "threads" in text


def test_model_is_missing(context: StartContext) -> None:
    """Told before a container is made."""
    text = refused("model missing", context, UsageError, source="/no/such/model.gguf")
    assert "no model file '/no/such/model.gguf'" in text


def test_model_is_broken(context: StartContext, tmp_path: Path) -> None:
    """The engine says so; its words are there."""
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(4000))
    text = refused("model broken", context, source=str(tmp_path / "broken.gguf"))
    assert "the model could not be loaded" in text


def test_volume_is_missing(context: StartContext) -> None:
    """Told before a container is made."""
    text = refused("volume missing", context, UsageError, volumes=("/no/such:/data",))
    assert "volume '/no/such:/data': /no/such does not exist" in text


def test_gpu_without_its_runtime(context: StartContext) -> None:
    """Docker that cannot hand over GPUs is told with what to install, and the container is removed."""
    gpu = GpuInfo(0, "H100", "GPU-0", 80 * 2**30)
    text = refused("no NVIDIA runtime", replace(context, gpus=(gpu,)))
    assert "install nvidia-container-toolkit" in text


def test_server_is_killed_in_mid_run(client: Client, tmp_path: Path) -> None:
    """The measurement is invalid and says who ended; nothing hangs."""
    run = Run(tmp_path, workload="endless")
    run.measuring(client).container.kill()
    out = run.finish()
    assert run.process.returncode == 1
    told = "ended while it was measured: the server exited with code 137, which is what SIGKILL leaves"
    assert told in " ".join(out.split())
    tell("server killed in mid-run", _line(out, "ended while"))
    (result,) = run.report()["results"]
    assert not result["validity"]["valid"]


def test_server_freezes_in_mid_run(client: Client, tmp_path: Path) -> None:
    """A server that was stopped is told from a slow one, and no request waits for its timeout."""
    run = Run(tmp_path, workload="endless")
    found = run.measuring(client)
    found.container.reload()
    top = found.container.top(ps_args="-eo pid,args")
    (pid,) = (int(row[0]) for row in top["Processes"] if "llama-server" in row[1] and "init" not in row[1])
    os.kill(pid, signal.SIGSTOP)
    out = run.finish()
    assert run.process.returncode == 1
    assert "was stopped (SIGSTOP) and stands still" in " ".join(out.split())
    tell("server frozen in mid-run", _line(out, "stands still"))


def test_pytest_is_killed_and_the_next_session_sweeps(client: Client, tmp_path: Path) -> None:
    """What it left is gone after the next start, and what it had measured is not."""
    first = Run(tmp_path, workload="endless")
    left = first.measuring(client)
    first.process.kill()
    first.finish()
    assert until(lambda: left.tag.orphaned)
    (tmp_path / "b").mkdir()
    second = Run(tmp_path / "b")
    second.finish()
    assert second.process.returncode == 0
    assert ours(client) == []


@pytest.mark.parametrize("phase", ["start", "measure", "stop"])
def test_interrupted(client: Client, tmp_path: Path, scripted: Make, phase: str) -> None:
    """Ctrl-C in any phase ends the session within its usual time and leaves no container."""
    scripts = {
        "start": "exec sleep 600",
        "measure": 'exec /app/real "$@"',
        "stop": "trap 'echo asked to end' TERM; /app/real \"$@\" & while true; do sleep 0.1; done",
    }
    image = scripted(scripts[phase])
    workload = "endless" if phase == "measure" else "brief"
    run = Run(tmp_path, workload=workload, settings={"image": image})
    match phase:
        case "start":
            run.server(client)
        case "measure":
            run.measuring(client)
        case "stop":
            server = run.server(client)
            until(lambda: b"asked to end" in server.container.logs())
    os.killpg(run.process.pid, signal.SIGINT)
    out = run.finish()
    assert run.process.returncode == pytest.ExitCode.INTERRUPTED, out
    assert ours(client) == []
    tell(f"Ctrl-C in {phase}", _line(out, "KeyboardInterrupt"))


@pytest.mark.parametrize("mode", [["-p", "no:xdist"], ["-n1"]], ids=["alone", "n1"])
def test_a_job_is_cancelled(client: Client, tmp_path: Path, mode: list[str]) -> None:
    """SIGTERM to pytest alone ends as Ctrl-C does, with xdist, too: no container is left."""
    run = Run(tmp_path, *mode, workload="endless")
    run.measuring(client)
    run.process.terminate()
    out = run.finish()
    assert run.process.returncode == pytest.ExitCode.INTERRUPTED, out
    assert ours(client) == []
    tell("SIGTERM", _line(out, "SIGTERM"))


def test_interrupted_in_pull(client: Client, tmp_path: Path) -> None:
    """Ctrl-C ends the wait for a registry that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        run = Run(tmp_path, settings={"image": f"127.0.0.1:{port}/never:1"})
        connection, _ = silent.accept()
        run.process.send_signal(signal.SIGINT)
        out = run.finish()
        connection.close()
    assert run.process.returncode == pytest.ExitCode.INTERRUPTED, out
    assert ours(client) == []
    tell("Ctrl-C in pull", _line(out, "KeyboardInterrupt"))


def test_two_sessions_at_once(client: Client, tmp_path: Path) -> None:
    """Neither removes the other's server; both measure, one after the other."""
    runs = []
    for name in "ab":
        (tmp_path / name).mkdir()
        runs.append(Run(tmp_path / name, "--bench-requests=20"))
    for run in runs:
        out = run.finish()
        (result,) = run.report()["results"]
        assert result["validity"]["valid"], out
    assert ours(client) == []


def test_a_secret_appears_nowhere(client: Client, tmp_path: Path) -> None:
    """Neither in what is printed nor in any file of the session, though the engine prints its own."""
    (tmp_path / ".env").write_text("MY_SECRET=hunter2secret\nMY_KEY=hunter3secret\n")
    settings = {"secrets": ["MY_SECRET"], "api-key-env": "MY_KEY"}
    run = Run(tmp_path, "--bench-show-config", settings=settings)
    shown = run.finish()
    run = Run(tmp_path, settings=settings)
    server = run.server(client)
    labels = json.dumps(server.container.labels) + str(server.container.attrs["Config"]["Cmd"])
    out = run.finish()
    assert run.report()["results"], out
    for secret in ("hunter2secret", "hunter3secret"):
        assert secret not in shown + out + labels + run.written()


def test_a_missing_secret_stops_the_session(client: Client, tmp_path: Path) -> None:
    """A usage error that names it, before any server is started."""
    run = Run(tmp_path, settings={"secrets": ["NOT_SET_ANYWHERE"]})
    out = run.finish()
    assert run.process.returncode == pytest.ExitCode.USAGE_ERROR
    assert "NOT_SET_ANYWHERE, which is a secret of tiny-glm" in out
    assert ours(client) == []
    tell("secret missing", _line(out, "NOT_SET_ANYWHERE"))


def test_no_daemon(tmp_path: Path) -> None:
    """Before anything starts: skipped, with the reason."""
    run = Run(tmp_path, "-rs", env={"DOCKER_HOST": "unix:///nowhere.sock"})
    out = run.finish()
    assert run.process.returncode == 0
    assert "needs Docker: no daemon at unix:///nowhere.sock" in out
    tell("daemon down before", _line(out, "needs Docker"))


def test_the_daemon_goes_down(
    second_daemon: SecondDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In mid-run: the result is invalid and says so; once it is back, the next sweep removes the rest."""
    url = second_daemon.url
    options = ("--bench-requests=2", "--bench-timeout=5")
    run = Run(tmp_path, *options, workload="endless", env={"DOCKER_HOST": url})
    monkeypatch.setenv("DOCKER_HOST", url)
    run.measuring(connect())
    second_daemon.kill()
    try:
        out = run.finish()
    finally:
        second_daemon.start()
    assert run.process.returncode == 1
    assert f"the Docker daemon at {url} is gone" in " ".join(out.split())
    tell("daemon down during", _line(out, "is gone").replace(url, "unix:///var/run/docker.sock"))
    assert len(sweep_containers(connect())) == 1
    assert find_containers(connect()) == []


def _line(text: str, part: str) -> str:
    return next((line.strip() for line in text.splitlines() if part in line), "")
