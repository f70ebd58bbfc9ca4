"""The commands that work on local processes which were kept; tests/docker has them on containers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_llmbench import cli
from pytest_llmbench.runtimes.found_processes import find_processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.found_processes import FoundProcess

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture
def model(
    tmp_path: Path, model_cache: Path, llama_program: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Have a model that no other test serves; what is left of its servers is ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(model_cache))
    name = f"tiny{uuid.uuid4().hex[:8]}"
    backend = {"runtime": "process", "program": llama_program, "args": {"threads": 1, "parallel": 1}}
    models = [
        {"id": name, "source": "builtin:tiny-glm", "gpus": [{"count": 0}], "backends": {"llama": backend}}
    ]
    (tmp_path / "local.yaml").write_text(json.dumps({"models": models}))
    yield name
    for found in _servers(name):
        found.end(at_once=True)


def _servers(model: str) -> list[FoundProcess]:
    return [found for found in find_processes() if found.tag.deployment.startswith(f"{model}.")]


def _serve(model: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "pytest_llmbench.cli", "serve", model, "--config", "local.yaml", *options]


def test_detached_server_is_listed_used_and_stopped(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs on after the command, under the model's own name, until it is stopped."""
    command = _serve(model, "--detach", "--warmup", "--port", "0")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (found,) = _servers(model)
    deployment = found.tag.deployment
    assert f"runs until `llmbench stop {deployment}`" in done.stdout
    url = done.stdout.split("serves at ")[1].split()[0]
    assert httpx.get(f"{url}/v1/models").json()["data"][0]["id"] == model
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"serves at {url} " in again.stdout
    assert f"log:        llmbench logs {deployment}" in again.stdout
    assert f"using {found.name}, which was kept" in again.stderr
    assert cli.main(["ps"]) == 0
    (line,) = (line.split() for line in capsys.readouterr().out.splitlines() if model in line)
    assert line == [found.name, "process", "kept", "running", url, "serve", str(found.tag.owner.pid)]
    assert cli.main(["logs", found.name]) == 0
    said = capsys.readouterr().out
    assert cli.main(["logs", deployment, "--tail", "1"]) == 0
    assert capsys.readouterr().out == said.splitlines(keepends=True)[-1]
    assert cli.main(["clean"]) == 0
    assert model not in capsys.readouterr().out
    assert [one.pid for one in _servers(model)] == [found.pid]
    assert cli.main(["stop", found.id]) == 0
    assert f"stopped {found.name} (kept)" in capsys.readouterr().out
    assert _servers(model) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_another_address_is_another_server(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept server that listens elsewhere is not what was asked for; `stop --all` ends both."""

    def detach(*options: str) -> set[int]:
        subprocess.run(_serve(model, "--detach", *options), check=True, capture_output=True)
        return {one.pid for one in _servers(model)}

    (first,) = detach("--port", "0")
    (found,) = _servers(model)
    port = httpx.URL(str(found.address)).port
    assert detach("--port", str(port)) == {first}
    assert detach("--host", "127.0.0.2", "--port", "0") > {first}
    # What others keep on this host is none of this test's business.
    monkeypatch.setattr("pytest_llmbench.commands.stop.find_all", lambda: _servers(model))
    assert cli.main(["stop", "--all"]) == 0
    assert _servers(model) == []


def test_what_a_killed_command_left_is_shown_and_removed(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A frozen guard cannot end its engine when its owner is killed: `clean` does."""
    with subprocess.Popen(_serve(model, "--port", "0"), stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            assert "serves at" in next(serving.stdout)
            (found,) = _servers(model)
            assert cli.main(["ps"]) == 0
            listed = [line.split() for line in capsys.readouterr().out.splitlines()]
            assert [found.name, "process", "in", "use", "running"] in [line[:5] for line in listed]
            os.kill(found.pid, signal.SIGSTOP)
        finally:
            serving.kill()
    while _servers(model)[0].tag.owner.lives():
        time.sleep(0.05)
    assert cli.main(["clean"]) == 0
    assert f"would remove process {found.name} (left over, stopped)" in capsys.readouterr().out
    assert cli.main(["clean", "--yes"]) == 0
    assert f"removed process {found.name} (left over, stopped)" in capsys.readouterr().out
    assert _servers(model) == []


def test_mistakes(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One message that names what there is, without Docker, too."""
    assert cli.main(["stop"]) == cli.USAGE
    assert "name a server, or --all" in capsys.readouterr().err
    assert cli.main(["logs", f"no-{model}"]) == cli.USAGE
    assert f"no server of ours is called 'no-{model}'" in capsys.readouterr().err
