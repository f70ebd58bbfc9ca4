"""Real engines as local processes: llama-server where it is on PATH; vLLM is in `tests/vllm`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import sys
from pathlib import Path

import httpx
import pytest

from pytest_llmbench.errors import ServerStartError, Unavailable
from pytest_llmbench.runtimes.activity import family
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.runtimes.process import Process
from pytest_llmbench.spec.deployment import Deployment
from tests.waiting import until

LLAMA = Deployment(
    model="tiny",
    source="builtin:tiny-llama",
    backend="llama",
    runtime="process",
    args=(("ctx-size", 1024), ("parallel", 1), ("threads", 1)),
)
needs_llama = pytest.mark.skipif(shutil.which("llama-server") is None, reason="needs llama-server on PATH")


@pytest.fixture(autouse=True)
def _own_cache(model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(model_cache))


@pytest.fixture
def context(tmp_path: Path) -> StartContext:
    """A context with its log."""
    return StartContext(tmp_path / "server.log", stall_timeout=100, total_timeout=200)


def _script(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@needs_llama
def test_llama_server(context: StartContext) -> None:
    """It answers under a name of its own, tells facts, and is gone after the end."""
    running = Process().start(LLAMA, context)
    everything = [*family(running.pid)]
    try:
        assert running.server.served_model.startswith("tiny-")
        assert running.server.facts["engine"] == "llama"
        assert running.server.facts["context_length"] == 1024
        with server_http(running.server) as http:
            asked = {"model": running.server.served_model, "prompt": "the", "max_tokens": 4}
            answer = http.post("/v1/completions", json=asked).json()
        assert answer["usage"]["completion_tokens"] == 4
        assert running.exited() is None
    finally:
        running.stop()
    assert not [pid for pid in everything if Path(f"/proc/{pid}").exists()]


@needs_llama
def test_server_that_is_killed_says_so(context: StartContext) -> None:
    """What became of a server is told in one line."""
    running = Process().start(LLAMA, context)
    os.kill([*family(running.pid)][1], signal.SIGKILL)
    until(running.exited)
    assert running.exited() == "the server was ended by SIGKILL"
    running.stop()


@needs_llama
def test_server_that_was_stopped_says_so(context: StartContext) -> None:
    """SIGSTOP freezes it: it would neither answer nor end."""
    running = Process().start(LLAMA, context)
    frozen = [*family(running.pid)][1]
    os.kill(frozen, signal.SIGSTOP)
    try:
        until(running.exited)
        assert running.exited() == "the server was stopped (SIGSTOP) and stands still"
        os.kill(frozen, signal.SIGCONT)
        until(lambda: running.exited() is None)
    finally:
        running.stop()


@needs_llama
def test_key(context: StartContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a key refuses who has none, and the key stands nowhere."""
    monkeypatch.setenv("TINY_KEY", "s3cret-key")
    running = Process().start(LLAMA.model_copy(update={"api_key_env": "TINY_KEY"}), context)
    try:
        with server_http(running.server) as http:
            assert http.get("/slots").status_code == httpx.codes.OK
            refused = httpx.get(f"{running.server.base_url}/slots")
        assert refused.status_code == httpx.codes.UNAUTHORIZED
        command = Path(f"/proc/{running.pid}/cmdline").read_bytes()
        assert b"s3cret" not in command
    finally:
        running.stop()
    assert "s3cret" not in context.log_path.read_text()


@needs_llama
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"extra_args": ("--nonsense",)}, r"exited with code 1: an engine argument is wrong\n.*--nonsense"),
        ({"source": "{broken}"}, r"exited with code 1: the model could not be loaded\n"),
    ],
)
def test_failed_starts(context: StartContext, tmp_path: Path, changes: dict[str, object], told: str) -> None:
    """A start that fails names the cause, and shows the lines of the log that tell it."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    if "source" in changes:
        changes = {"source": str(broken)}
    with pytest.raises(ServerStartError, match=told):
        Process().start(LLAMA.model_copy(update=changes), context)


@needs_llama
def test_port_that_is_taken(context: StartContext) -> None:
    """The cause is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = StartContext(context.log_path, total_timeout=200, publish=taken.getsockname())
        with pytest.raises(ServerStartError, match="its port is taken"):
            Process().start(LLAMA, busy)


def test_stranger_on_the_port(context: StartContext, tmp_path: Path) -> None:
    """Whoever answers under another name is not measured."""
    stranger = _script(
        tmp_path / "stranger",
        "import json, sys\n"
        "from http.server import *\n"
        "class H(BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        body = json.dumps({'data': [{'id': 'theirs'}]}).encode()\n"
        "        self.send_response(200); self.send_header('Content-Length', str(len(body)))\n"
        "        self.end_headers(); self.wfile.write(body)\n"
        "HTTPServer(('127.0.0.1', int(sys.argv[sys.argv.index('--port') + 1])), H).serve_forever()",
    )
    with pytest.raises(ServerStartError, match=r"another server answers at .*: it serves theirs, not tiny-"):
        Process().start(LLAMA.model_copy(update={"program": stranger}), context)


def test_engine_that_hangs(context: StartContext, tmp_path: Path) -> None:
    """No log, no reading, no memory: no progress."""
    hanging = _script(tmp_path / "hanging", "import time; print('loading', flush=True); time.sleep(600)")
    for seconds in (1, 4, 16, 64):  # on a busy machine it may take that long to say what it says
        impatient = StartContext(context.log_path, stall_timeout=seconds, total_timeout=200)
        with pytest.raises(ServerStartError, match=f"no progress for {seconds} s") as caught:
            Process().start(LLAMA.model_copy(update={"program": hanging}), impatient)
        if caught.value.log_tail:
            break
    assert list(caught.value.log_tail) == ["loading"]


def test_what_cannot_be_started(context: StartContext) -> None:
    """A program that is not there is a reason to skip, and an engine that is not started at all."""
    gone = LLAMA.model_copy(update={"program": "/no/such/llama-server"})
    told = "needs /no/such/llama-server: not on PATH; 'program' says where else it is"
    assert Process().unavailable(gone) == told
    with pytest.raises(Unavailable, match="needs /no/such"):
        Process().start(gone, context)
    assert "not started" in (Process().unavailable(LLAMA.model_copy(update={"backend": "openai"})) or "")
