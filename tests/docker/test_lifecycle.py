"""A llama-server in a container: it answers under its name, is known by its labels, and goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.containers.found import find_containers, sweep_containers
from pytest_llmbench.runtimes.docker import Docker
from pytest_llmbench.runtimes.labels import Tag
from pytest_llmbench.runtimes.owner import this_process
from tests.docker.conftest import IMAGE, OWNERS, boxed, ours

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.containers.daemon import Client
    from tests.docker.conftest import Start


def test_server_answers_under_its_name(start: Start, client: Client) -> None:
    """At the container's own address, with its facts and its image's digest; its log is in the file."""
    running = start()
    server = running.server
    assert server.served_model.startswith("tiny-glm-")
    assert server.base_url.endswith(":8000")
    assert not server.base_url.startswith("http://127.")
    assert server.facts["slots"] == 4
    assert server.facts["image"] == IMAGE
    assert server.facts["image_id"] == client.images.get(IMAGE).id
    assert "image_digest" not in server.facts
    assert running.exited() is None
    running.stop()
    assert "model loaded" in (server.log.read_text() if server.log else "")
    assert running.exited() == "somebody removed the server's container"
    running.stop()


def test_labels_tell_whose_it_is(start: Start, client: Client) -> None:
    """Session, deployment, owner and served name are on the container."""
    running = start()
    (found,) = (one for one in find_containers(client) if one.container.id == running.container.id)
    assert found.tag.owner == this_process()
    assert (found.tag.session, found.tag.deployment) == ("test", "tiny-glm.llama.tp01.gpux00")
    assert found.tag.served_name == running.server.served_model
    assert not found.tag.orphaned
    assert found.runs


def test_weights_cannot_be_written(start: Start) -> None:
    """They are mounted read-only."""
    running = start()
    code, said = running.container.exec_run(["sh", "-c", "touch /models/*.gguf"])
    assert code != 0
    assert b"Read-only file system" in said


def test_settings_arrive(
    start: Start, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment, secrets, volumes, shared memory, memory and process limits are the container's."""
    monkeypatch.setenv("MY_SECRET", "hunter2secret")
    (tmp_path / "data").mkdir()
    running = start(
        env=(("SAID", "so"),),
        secrets=("MY_SECRET",),
        volumes=(f"{tmp_path}/data:/data:ro",),
        shm_size="128m",
        memory="1g",
        ulimits=(("nofile", "4096:8192"),),
    )
    attrs = client.api.inspect_container(running.container.id)
    host = attrs["HostConfig"]
    assert {"SAID=so", "MY_SECRET=hunter2secret", "HF_HUB_OFFLINE=1"} <= set(attrs["Config"]["Env"])
    assert f"{tmp_path}/data:/data:ro" in host["Binds"]
    assert (host["ShmSize"], host["Memory"]) == (128 * 2**20, 2**30)
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 4096, "Hard": 8192}]
    labels = "".join(attrs["Config"]["Labels"].values())
    assert "hunter2secret" not in labels + str(attrs["Config"]["Cmd"])


def test_a_secret_that_a_server_prints_is_not_in_its_log(
    context: StartContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the engine says what it was given: its value is replaced on the way to the file."""
    monkeypatch.setenv("MY_SECRET", "hunter2secret")
    deployment = boxed(secrets=("MY_SECRET",), extra_args=("--hunter2secret", "1"))
    with pytest.raises(Exception, match=r"did not start.*an engine argument is wrong") as failure:
        Docker().start(deployment, context)
    assert "hunter2secret" not in str(failure.value)
    log = context.log_path.read_text()
    assert "***" in log
    assert "hunter2secret" not in log


def test_key_is_wanted_and_given(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with an API key is started, asked about itself, and refuses others."""
    import httpx  # noqa: PLC0415

    monkeypatch.setenv("MY_KEY", "hunter2secret")
    server = start(api_key_env="MY_KEY").server
    assert server.facts["context_length"]
    body = {"prompt": "x", "n_predict": 1}
    assert httpx.post(f"{server.base_url}/completion", json=body, timeout=10).status_code == 401
    assert httpx.post(
        f"{server.base_url}/completion", json=body, headers=server.headers, timeout=10
    ).is_success


def test_missing_secret_is_told_before_anything_starts(context: StartContext) -> None:
    """It is a usage error that names the variable."""
    with pytest.raises(UsageError, match="NOT_SET_ANYWHERE"):
        Docker().start(boxed(secrets=("NOT_SET_ANYWHERE",)), context)
    assert not context.log_path.exists()


def test_a_published_port_is_used_where_it_is_asked_for(start: Start) -> None:
    """On the address and port that were said, for others to use."""
    server = start({"publish": ("127.0.0.1", 0)}).server
    assert server.base_url.startswith("http://127.0.0.1:")
    assert server.facts["address"] == "published port"


def test_kept_servers_are_found_again(start: Start, context: StartContext) -> None:
    """By a start that wants the same; another deployment gets one of its own, and stopping leaves them."""
    first = start({"keep": True})
    first.stop()
    assert first.exited() is None
    again = Docker().start(boxed(), replace(context, keep=True))
    assert again.server.base_url == first.server.base_url
    assert again.server.outlives
    other = start({"keep": True}, args=(("threads", 1), ("parallel", 2)))
    assert other.container.id != first.container.id
    fresh = start()
    assert fresh.container.id not in {first.container.id, other.container.id}
    for kept in (first, other):
        kept.container.remove(force=True)


def test_servers_of_the_dead_are_swept_and_no_others(start: Start, client: Client) -> None:
    """Neither those of the living, nor kept ones, nor a foreign container with our kind of name."""
    mine = start()
    dead = replace(this_process(), started="1")
    orphan_tag = Tag("old", "d", dead, "n")
    names = ["llmbench-tiny-glm.llama.tp01.gpux00-0000beef", "orphan", "kept", "unknown"]
    labels = [
        {"pytest-llmbench.session": "old", "com.example": "pytest-llmbench"},
        orphan_tag.labels(),
        replace(orphan_tag, kept=True).labels(),
        replace(orphan_tag, owner=replace(dead, place="elsewhere")).labels(),
    ]
    others = [
        client.containers.run(IMAGE, ["--version"], name=name, labels=label, detach=True)
        for name, label in zip(names, labels, strict=True)
    ]
    try:
        # A session beside these tests may have been quicker.
        assert {found.name for found in sweep_containers(client)} <= {"orphan"}
        assert "orphan" not in {found.name for found in find_containers(client)}
        left = {container.name for container in client.containers.list(all=True)}
        assert {names[0], "kept", "unknown"} <= left
        assert mine.exited() is None
    finally:
        for container in others:
            if container.name != "orphan":
                container.remove(force=True)


_OWNER = """
import sys
from pathlib import Path
from pytest_llmbench.runtimes.base import StartContext
from tests.docker.conftest import boxed
from pytest_llmbench.runtimes.docker import Docker
server = Docker().start(boxed(), StartContext(Path(sys.argv[1])))
print(server.container.name, flush=True)
{then}
"""


def _owner(log: Path, then: str) -> subprocess.Popen[str]:
    code = _OWNER.format(then=then)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(log)], stdout=subprocess.PIPE, text=True, env=os.environ
    )


def test_the_next_start_sweeps_after_kill(client: Client, context: StartContext, tmp_path: Path) -> None:
    """A process that was killed leaves its server; whoever starts one next removes it, and says so."""
    with _owner(tmp_path / "a.log", "input_ = sys.stdin.read()") as owner:
        assert owner.stdout is not None
        name = owner.stdout.readline().strip()
        OWNERS.add(owner.pid)
        owner.send_signal(signal.SIGKILL)
    assert [found.name for found in ours(client)] == [name]
    said: list[str] = []
    Docker().start(boxed(), replace(context, on_progress=said.append)).stop()
    assert ours(client) == []
    assert f"removed {name}, which a session that was killed left behind" in said


def test_an_exit_without_stopping_removes_it(client: Client, tmp_path: Path) -> None:
    """A script that forgets its server, or fails, leaves nothing."""
    with _owner(tmp_path / "a.log", "raise SystemExit('forgot')") as owner:
        OWNERS.add(owner.pid)
        owner.communicate(timeout=60)
    assert ours(client) == []
