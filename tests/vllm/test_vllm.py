"""A real vLLM on the CPU, as a local process; `scripts/test-vllm` sets up what this needs."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_llmbench.errors import ServerStartError
from pytest_llmbench.runtimes.activity import family
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.runtimes.process import Process
from pytest_llmbench.runtimes.server_watch import ServerWatch
from pytest_llmbench.spec.deployment import Deployment
from tests.vllm.conftest import ARGS, ENV, VLLM, ask, told_by
from tests.waiting import until

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.process import ProcessServer

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def deployment(model: Path) -> Deployment:
    """Say what to start."""
    return Deployment(
        model="tiny",
        source=str(model),
        backend="vllm",
        runtime="process",
        program=VLLM,
        args=ARGS,
        env=ENV,
    )


def _named(running: ProcessServer, name: str) -> int:
    return next(
        pid for pid in family(running.pid) if name in Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    )


def _left(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_key_prefix_cache_and_a_killed_core(
    deployment: Deployment, context: StartContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key; facts by API and log; hits of the prefix cache; then its core is killed in mid-run."""
    monkeypatch.setenv("TINY_KEY", "s3cret-key")
    running = Process().start(deployment.model_copy(update={"api_key_env": "TINY_KEY"}), context)
    everything = [*family(running.pid)]
    try:
        histograms = told_by(running).histograms
        assert running.server.facts["graph_mode"] == "eager"
        assert {name: one.count for name, one in histograms.items()} == dict.fromkeys(
            ("server_ttft", "server_queue", "server_prefill", "server_decode"), 2
        )
        os.kill(_named(running, "EngineCore"), signal.SIGKILL)
        until(running.exited)
        assert "exited with code" in str(running.exited())
    finally:
        running.stop()
    assert _left(everything) == []
    assert "s3cret" not in context.log_path.read_text()


def test_two_ranks_speculation_and_a_frozen_server(deployment: Deployment, context: StartContext) -> None:
    """TP 2 and n-gram speculation; then all of it is frozen, and ended all the same."""
    ngram = '{"method": "ngram", "num_speculative_tokens": 3, "prompt_lookup_max": 4, "prompt_lookup_min": 2}'
    running = Process().start(
        deployment.model_copy(
            update={
                "tp": 2,
                "args": (*deployment.args, ("speculative-config", ngram)),
                "env": (*deployment.env, ("OMP_NUM_THREADS", "1"), ("VLLM_CPU_OMP_THREADS_BIND", "nobind")),
            }
        ),
        context,
    )
    everything = [*family(running.pid)]
    try:
        watch = ServerWatch(running.server)
        watch.begin()
        ask(running, "one two three four " * 20, tokens=128)
        assert watch.end().scalars["acceptance_length"] >= 1
        everything = [*family(running.pid)]
        for pid in everything[1:]:
            with contextlib.suppress(ProcessLookupError):  # one that was only passing
                os.kill(pid, signal.SIGSTOP)
        with pytest.raises(httpx.TimeoutException), server_http(running.server, timeout=1) as http:
            http.get("/health")
        assert running.exited() == "the server was stopped (SIGSTOP) and stands still"
    finally:
        running.stop()
    assert _left(everything) == []


def test_wrong_flag(deployment: Deployment, context: StartContext) -> None:
    """Its parser's own words are shown, and the cause is named."""
    wrong = deployment.model_copy(update={"extra_args": ("--nonsense",)})
    with pytest.raises(ServerStartError, match=r"code 2: an engine argument is wrong\n.*--nonsense"):
        Process().start(wrong, context)


def test_taken_port(deployment: Deployment, context: StartContext) -> None:
    """The cause is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = StartContext(context.log_path, total_timeout=500, publish=taken.getsockname())
        with pytest.raises(ServerStartError, match="its port is taken"):
            Process().start(deployment, busy)


def test_broken_model(deployment: Deployment, context: StartContext, tmp_path: Path) -> None:
    """A folder that holds no model it could load."""
    (tmp_path / "config.json").write_text("{}")
    broken = deployment.model_copy(update={"source": str(tmp_path)})
    with pytest.raises(ServerStartError, match=r"exited with code 1"):
        Process().start(broken, context)
