"""GPUs handed over to real containers, on a host that has none: what the vendors' own parts would be told."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import ServerStartError
from pytest_llmbench.runtimes.containers.daemon import connect
from pytest_llmbench.runtimes.docker import Docker
from pytest_llmbench.telemetry.gpu import GpuInfo
from tests.docker.conftest import IMAGE, boxed
from tests.docker.sessions import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.containers.daemon import Client
    from tests.docker.second_daemon import SecondDaemon

GIB = 2**30
NVIDIA = [
    {"index": n, "uuid": f"GPU-{n}{n}", "name": "H100", "memory": 80 * GIB, "used": 0, "vendor": "nvidia"}
    for n in range(4)
]


def test_a_session_hands_over_what_it_leased(second_daemon: SecondDaemon, tmp_path: Path) -> None:
    """Two of four, and not the first two: by their ids, in the request and in what the hook reads."""
    (tmp_path / "gpus.json").write_text(json.dumps(NVIDIA))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", second_daemon.url)
        client = connect()
        run = Run(
            tmp_path,
            workload="endless",
            gpus={"count": 2},
            env={
                "DOCKER_HOST": second_daemon.url,
                "LLMBENCH_GPU_INVENTORY": str(tmp_path / "gpus.json"),
                "CUDA_VISIBLE_DEVICES": "1,3",
            },
        )
        found = run.measuring(client)
        attrs = client.api.inspect_container(found.container.id)
        found.container.kill()
        out = run.finish()
    (request,) = attrs["HostConfig"]["DeviceRequests"]
    assert (request["Driver"], request["Count"]) == ("nvidia", 0)
    assert request["DeviceIDs"] == ["GPU-11", "GPU-33"]
    assert request["Capabilities"] == [["gpu"]]
    assert found.tag.gpus == ("GPU-11", "GPU-33")
    told = second_daemon.told(found.container.id) or {}
    assert told["NVIDIA_VISIBLE_DEVICES"] == "GPU-11,GPU-33"
    (result,) = run.report()["results"]
    assert result["server"]["facts"]["leased_gpus"] == "1,3", out


def test_an_image_that_asks_for_all_gets_what_was_leased(
    second_daemon: SecondDaemon, context: StartContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images made for GPUs ask for all of them: neither a server with one nor one without any gets them."""
    monkeypatch.setenv("DOCKER_HOST", second_daemon.url)
    image = _asking_for_all(connect())
    gpu = GpuInfo(2, "H100", "GPU-22", 80 * GIB)
    for gpus, given in (((gpu,), "GPU-22"), ((), "void")):
        running = Docker().start(boxed(image=image), replace(context, gpus=gpus))
        environ = running.container.exec_run(["cat", "/proc/1/environ"]).output.decode().split("\0")
        running.stop()
        last = dict(pair.partition("=")[::2] for pair in environ)
        assert last["NVIDIA_VISIBLE_DEVICES"] == given
        told = second_daemon.told(running.container.id)
        assert (told or {}).get("NVIDIA_VISIBLE_DEVICES") == (given if gpus else None)


def _asking_for_all(client: Client) -> str:
    container = client.containers.create(IMAGE)
    container.commit("llmbench/asking", "1", changes='ENV NVIDIA_VISIBLE_DEVICES="all"')
    container.remove()
    return "llmbench/asking:1"


@pytest.fixture
def amd() -> Iterator[int]:
    """Have what looks like AMD's device nodes, and is /dev/null; a group that no image knows may use them."""
    if os.geteuid() != 0 or Path("/dev/kfd").exists() or Path("/dev/dri").exists():
        pytest.skip("needs root, and a host without GPUs, to make device nodes that look like AMD's")
    group = 23456
    Path("/dev/dri").mkdir()
    made = [Path("/dev/kfd"), Path("/dev/dri/card0"), Path("/dev/dri/renderD128")]
    try:
        for path in made:
            os.mknod(path, 0o20660, os.makedev(1, 3))
            os.chown(path, 0, group)
        yield group
    finally:
        for path in made:
            path.unlink(missing_ok=True)
        Path("/dev/dri").rmdir()


AMD = tuple(GpuInfo(index, "MI300X", f"amd-{index}", 192 * GIB, "amd") for index in (1, 3))


def test_amds_devices_are_there_and_may_be_used(amd: int, context: StartContext) -> None:
    """All of them; the server is told which are its own, and is in the group that may use them."""
    running = Docker().start(boxed(), replace(context, gpus=AMD))
    try:
        box = running.container
        code, said = box.exec_run(["stat", "-c", "%n %g", "/dev/kfd", "/dev/dri/renderD128"])
        assert (code, said.decode().split()) == (0, ["/dev/kfd", f"{amd}", "/dev/dri/renderD128", f"{amd}"])
        groups = box.exec_run(["grep", "^Groups:", "/proc/1/status"]).output.decode().split()
        assert str(amd) in groups
        code, said = box.exec_run(["head", "-c1", "/dev/kfd"])
        assert code == 0, said
        environ = box.exec_run(["cat", "/proc/1/environ"]).output.decode().split("\0")
        assert "ROCR_VISIBLE_DEVICES=1,3" in environ
    finally:
        running.stop()


def test_amds_driver_is_missing(context: StartContext) -> None:
    """A host without its device nodes is told from a broken engine, and no container is left."""
    if Path("/dev/kfd").exists():
        pytest.skip("needs a host without AMD's driver")
    with pytest.raises(ServerStartError, match="this host has no AMD GPU driver"):
        Docker().start(boxed(), replace(context, gpus=AMD))
