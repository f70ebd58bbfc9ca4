"""The commands that work on containers and images."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_llmbench import cli
from pytest_llmbench.runtimes.labels import Tag
from pytest_llmbench.runtimes.owner import Owner, this_process
from tests.docker.conftest import BASE, IMAGE, OWNERS, ours

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.runtimes.containers.daemon import Client
    from tests.docker.conftest import Start

ID = "tiny-glm.llama.tp01.gpux00"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "boxed.yaml").write_text(
        f"""
        models:
          - id: tiny-glm
            source: builtin:tiny-glm
            gpus: [{{count: 0}}]
            backends: {{llama: {{runtime: docker, image: "{IMAGE}", args: {{threads: 1}}}}}}
        """
    )


def run(*arguments: str) -> int:
    """Run a command in this process."""
    return cli.main(list(arguments))


def test_detached_server_is_listed_used_and_stopped(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs on after the command, at the port that was asked for, until it is stopped."""
    command = [sys.executable, "-m", "pytest_llmbench.cli", "serve", "tiny-glm", "--config", "boxed.yaml"]
    command += ["--detach", "--warmup", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as serving:
        OWNERS.add(serving.pid)
        out, _ = serving.communicate()
    url = out.split("serves at ")[1].split()[0]
    assert httpx.get(f"{url}/v1/models").json()["data"][0]["id"] == "tiny-glm"
    assert run("ps") == 0
    (found,) = ours(client)
    listed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [found.name, "container", "kept", "running", url] in [row[:5] for row in listed]
    assert run("logs", found.name, "--tail", "1") == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert run("clean", "--yes") == 0
    assert len(ours(client)) == 1
    assert run("stop", found.name) == 0
    assert f"stopped {found.name} (kept)" in capsys.readouterr().out
    assert ours(client) == []


def test_clean_shows_first_and_touches_nothing_else(
    client: Client, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run unless told otherwise; neither used servers nor foreign containers are leftovers."""
    mine = start()
    dead = Tag("old", ID, Owner(1, "1", "before", this_process().place), "n")
    elsewhere = Tag("old", ID, Owner(1, "1", "b", "elsewhere"), "n")
    made = [
        client.containers.create(IMAGE, name=name, labels=labels)
        for name, labels in (
            ("left", dead.labels()),
            ("far", elsewhere.labels()),
            ("llmbench-foreign", {"pytest-llmbench.deployment": ID}),
        )
    ]
    try:
        assert run("clean") == 0
        out = capsys.readouterr().out
        assert "would remove container left (left over, created)" in out
        assert "far" not in out
        assert "clean --yes does it" in out
        assert run("clean", "--elsewhere") == 0
        assert "would remove container far (of elsewhere, created)" in capsys.readouterr().out
        assert run("clean", "--yes") == 0
        names = {container.name for container in client.containers.list(all=True)}
        assert "llmbench-foreign" in names
        assert "left" not in names
        assert mine.exited() is None
    finally:
        for container in made[1:]:
            container.remove(force=True)


def test_caches_and_images_go_only_where_asked(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What engines compiled and what was built here; an image in use stays."""
    folder = tmp_path / "docker" / "small"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nARG WHAT\nRUN echo $WHAT > /what\n")
    assert run("build", "small", "--build-arg", "WHAT=hello", "--tag", "llmbench/small:1") == 0
    assert "llmbench/small:1  sha256:" in capsys.readouterr().out
    assert client.containers.run("llmbench/small:1", ["cat", "/what"], remove=True) == b"hello\n"
    volume = client.volumes.create("pytest-llmbench-cache-0123-0")
    foreign = client.volumes.create("my-pytest-llmbench-cache")
    user = client.containers.create("llmbench/small:1")
    try:
        assert run("clean", "--caches", "--images") == 0
        shown = capsys.readouterr().out
        assert "would remove volume pytest-llmbench-cache-0123-0" in shown
        assert "would remove image llmbench/small:1" in shown
        assert "my-pytest" not in shown
        volume.remove()
        user.remove()
        client.images.remove("llmbench/small:1")
    finally:
        foreign.remove()


def test_a_build_that_fails_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the end of what it printed, and the file that has all of it."""
    folder = tmp_path / "docker" / "broken"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo about to fail && exit 3\n")
    assert run("build", "broken") == 1
    said = capsys.readouterr().err
    assert "llmbench: image llmbench/broken:latest cannot be built" in said
    assert "| about to fail" in said
    assert "returned a non-zero code: 3" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["build", "lama"], cli.USAGE, "there is no docker/lama/Dockerfile: did you mean 'llama'"),
        (["build", "llama", "--build-arg", "X"], cli.USAGE, "--build-arg takes NAME=VALUE, not 'X'"),
        (["stop"], cli.USAGE, "name a server, or --all"),
        (["logs", "nothing"], cli.USAGE, "no server of ours is called 'nothing'"),
        (["pull", "127.0.0.1:9/no/image:1"], cli.FAILED, "image 127.0.0.1:9/no/image:1 cannot be pulled: "),
    ],
)
def test_mistakes(arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One message and no traceback."""
    assert run(*arguments) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
