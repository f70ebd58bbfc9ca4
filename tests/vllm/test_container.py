"""A real vLLM on the CPU, in a container; `scripts/test-vllm` makes the image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import ServerStartError
from pytest_llmbench.runtimes.containers.daemon import connect, daemon_shortage
from pytest_llmbench.runtimes.containers.found import find_containers
from pytest_llmbench.runtimes.docker import Docker
from pytest_llmbench.spec.deployment import Deployment
from tests.vllm.conftest import ARGS, ENV, IMAGE, ask, told_by
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.base import StartContext

pytestmark = [
    pytest.mark.skipif(
        bool(daemon_shortage() or not IMAGE), reason="needs Docker and an image of it: run scripts/test-vllm"
    ),
    pytest.mark.timeout(600),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _leaves_nothing() -> Iterator[None]:
    """Hold every test to leaving no container of this process behind."""
    yield
    assert [one.name for one in find_containers(connect()) if one.tag.owner.pid == os.getpid()] == []


def boxed(model: Path, **changes: object) -> Deployment:
    """Say what to start, with changes."""
    whole: dict[str, object] = {
        "model": "tiny",
        "source": str(model),
        "backend": "vllm",
        "runtime": "docker",
        "image": IMAGE,
        "args": ARGS,
        "env": ENV,
        "shm_size": "1g",
        **changes,
    }
    return Deployment.model_validate(whole)


def test_key_facts_prefix_cache_and_a_kill(
    model: Path, context: StartContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key; facts of engine and image; hits of the prefix cache; then it is killed."""
    monkeypatch.setenv("TINY_KEY", "s3cret-key")
    running = Docker().start(boxed(model, api_key_env="TINY_KEY"), context)
    try:
        told_by(running)
        assert running.server.facts["image_id"] == connect().images.get(IMAGE).id
        assert running.server.facts["address"] == "container"
        running.container.kill()
        until(running.exited)
        assert "exited with code 137, which is what SIGKILL leaves" in str(running.exited())
    finally:
        running.stop()
    assert "s3cret" not in context.log_path.read_text()


def test_two_ranks_in_one_container(model: Path, context: StartContext) -> None:
    """TP 2: the ranks find each other through the container's shared memory."""
    two = boxed(model, tp=2, env=(*ENV, ("OMP_NUM_THREADS", "1"), ("VLLM_CPU_OMP_THREADS_BIND", "nobind")))
    running = Docker().start(two, context)
    try:
        assert ask(running, "one two three four", tokens=16)["completion_tokens"] == 16
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"extra_args": ("--nonsense",)}, r"code 2: an engine argument is wrong\n.*--nonsense"),
        ({"shm_size": "1m"}, "shared memory is too small: raise shm-size"),
        ({"memory": "600m"}, "was killed because the memory it may use was used up"),
    ],
    ids=["argument", "shm", "memory"],
)
def test_failed_starts(model: Path, context: StartContext, changes: dict[str, object], told: str) -> None:
    """The cause is named: by its parser's words, by its traceback, or by what the kernel did."""
    with pytest.raises(ServerStartError, match=told):
        Docker().start(boxed(model, **changes), context)


def test_the_shipped_suite(model: Path, tmp_path: Path) -> None:
    """`pytest -m bench` on the shipped tests of latency: two workloads are measured on this container."""
    backend = {
        "runtime": "docker", "image": IMAGE, "shm-size": "1g", "args": dict(ARGS), "env": dict(ENV)
    }  # fmt: skip
    asked = {"id": "tiny", "source": str(model), "gpus": [{"count": 0}], "backends": {"vllm": backend}}
    config = tmp_path / "vllm.yaml"
    config.write_text(json.dumps({"models": [asked]}))
    command = [sys.executable, "-m", "pytest", "-m", "bench", str(ROOT / "bench_suites" / "test_latency.py")]
    options = [f"--bench-config={config}", "--bench-requests=12", f"--bench-results={tmp_path / 'results'}"]
    # A byte is a token: other workloads are longer than its context.
    options += ["--bench-model=tiny", "--bench-workload=short,medium"]
    done = subprocess.run(
        [*command, *options, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    report = json.loads((tmp_path / "results" / "latest" / "report.json").read_text())
    assert report["unmeasured"] == [], done.stdout
    assert {one["workload"]["id"] for one in report["results"]} == {"short", "medium"}, done.stdout
    for result in report["results"]:
        assert result["server"]["facts"]["engine"] == "vllm"
        assert result["server"]["facts"]["image"] == IMAGE
        busy = ("the client was late", "the load gen", "requests waited in the client")
        assert all(reason.startswith(busy) for reason in result["validity"]["reasons"]), done.stdout
