from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_llmbench.backends import backend_of
from pytest_llmbench.errors import ServerStartError, StorageError, Unavailable, UsageError
from pytest_llmbench.runtimes import embedded
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.child_process import ChildProcess
from pytest_llmbench.runtimes.connect import http_client, server_http
from pytest_llmbench.runtimes.embedded import Embedded
from pytest_llmbench.runtimes.readiness import answers_as
from pytest_llmbench.spec.deployment import Deployment
from tests.waiting import until

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.embedded import EmbeddedServer
    from tests.runtimes.conftest import Start

DEPLOYMENT = Deployment(model="tiny-glm", source="builtin:tiny-glm", backend="llama", runtime="embedded")

# A parent that starts a server, says where it is, and waits to be killed.
PARENT = """
import sys, threading
from pathlib import Path
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.embedded import Embedded
from pytest_llmbench.runtimes.readiness import answers_as
from pytest_llmbench.spec.deployment import Deployment
deployment = Deployment(model="m", source="builtin:tiny-glm", backend="llama", runtime="embedded")
started = []
start = lambda: started.append(Embedded().start(deployment, StartContext(Path(sys.argv[1]))))
thread = threading.Thread(target=start)  # a thread that ends before the server must
thread.start()
thread.join()
print(started[0].pid, started[0].server.base_url, flush=True)
sys.stdin.read()
"""


def is_gone(pid: int) -> bool:
    """Say whether a process has ended; one that nobody has waited for yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def stream(http: httpx.Client, model: str, text: str, tokens: int, **more: object) -> tuple[list[str], Any]:
    """Complete one chat and return the texts of its chunks and the usage."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        **more,
    }
    pieces: list[str] = []
    usage = None
    # llama.cpp closes the connection after a stream without having said so.
    headers = {"Connection": "close"}
    with http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
        assert response.status_code == httpx.codes.OK
        for line in response.iter_lines():
            if line.startswith("data: {"):
                chunk = json.loads(line.removeprefix("data: "))
                usage = chunk.get("usage") or usage
                pieces += [
                    choice["delta"]["content"]
                    for choice in chunk["choices"]
                    if choice["delta"].get("content")
                ]
    return pieces, usage


@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
def test_one_token_is_one_chunk(shared: EmbeddedServer, http: httpx.Client, temperature: float) -> None:
    """Greedy or wild, a stream has as many chunks as tokens, and ends when it was told to."""
    for ignore_eos in (True, False):
        pieces, usage = stream(
            http,
            shared.server.served_model,
            "Explain how the engine keeps a request in memory.",
            128,
            ignore_eos=ignore_eos,
            temperature=temperature,
            top_k=0,
            top_p=1.0,
            min_p=0.0,
        )
        assert usage["completion_tokens"] == len(pieces) == 128
        assert all(piece.isascii() and piece.isprintable() for piece in pieces)


def test_greedy_output_varies(shared: EmbeddedServer, http: httpx.Client) -> None:
    """The model does not fall into repeating one word."""
    pieces, _ = stream(http, shared.server.served_model, "Tell a story.", 100)
    assert len(set(pieces)) > 20


def test_greedy_output_repeats(shared: EmbeddedServer, http: httpx.Client) -> None:
    """The same question gets the same answer."""
    first, _ = stream(http, shared.server.served_model, "Tell a story.", 32, cache_prompt=False)
    second, _ = stream(http, shared.server.served_model, "Tell a story.", 32, cache_prompt=False)
    assert first == second


@pytest.mark.parametrize(
    "text",
    [
        "Explain how the engine remembers.",
        "",
        " two  spaces\n\n12345",
        "h\u00e9 \U0001f600",
        "<|user|>[gMASK]<|eot_id|>",
    ],
)
def test_counted_tokens_are_the_usage(shared: EmbeddedServer, http: httpx.Client, text: str) -> None:
    """Counting beforehand gives what the server charges, as a chat and as plain text."""
    backend = backend_of(shared.server)
    body = {"model": shared.server.served_model, "max_tokens": 1, "temperature": 0}
    chat = http.post("/v1/chat/completions", json={**body, "messages": [{"role": "user", "content": text}]})
    assert backend.count_tokens(http, text, chat=True) == chat.json()["usage"]["prompt_tokens"]
    if text:  # nothing to complete otherwise
        plain = http.post("/v1/completions", json={**body, "prompt": text})
        assert backend.count_tokens(http, text, chat=False) == plain.json()["usage"]["prompt_tokens"]


def test_common_english_is_about_a_token_a_word(shared: EmbeddedServer, http: httpx.Client) -> None:
    """Ordinary prose comes to little more than one token a word."""
    text = (
        "Write a short story about a boy who wants to sell apples in the city, and explain why the price "
        "of food has been high over the last ten years."
    )
    count = backend_of(shared.server).count_tokens(http, text, chat=False)
    assert count is not None
    assert count < 1.35 * len(text.split())


def test_long_prompts_fit_every_slot(shared: EmbeddedServer, http: httpx.Client) -> None:
    """A prompt of eight thousand tokens and its answer fit."""
    pieces, usage = stream(http, shared.server.served_model, " the of and time" * 2048, 8)
    assert usage["prompt_tokens"] >= 8192
    assert len(pieces) == 8


def test_facts(shared: EmbeddedServer) -> None:
    """A server says what it is."""
    facts = shared.server.facts
    assert facts["slots"] == 4
    assert facts["context_length"] == 16384
    assert str(facts["version"]).startswith("xllamacpp 20")
    assert facts["engine"] == "llama"
    assert shared.server.ready_seconds > 0
    assert shared.exited() is None


def test_metrics_are_served(http: httpx.Client) -> None:
    """The engine's own counters can be read."""
    assert "llamacpp:tokens_predicted_total" in http.get("/metrics").text


def test_name_is_unique(start: Start) -> None:
    """Two servers of one deployment answer to different names, so neither is taken for the other."""
    first, second = start(), start()
    assert first.server.served_model != second.server.served_model
    assert first.server.base_url != second.server.base_url
    with server_http(second.server) as http:
        assert http.get("/v1/models").json()["data"][0]["id"] == second.server.served_model


def test_stranger_is_not_taken_for_ours(start: Start) -> None:
    """A server that answers under another name ends the start."""
    server = start().server
    with server_http(server) as http, pytest.raises(ServerStartError, match="another server answers"):
        answers_as("somebody-else", http, "/health")


def test_arguments_and_environment_arrive(start: Start) -> None:
    """Engine arguments change the engine; the environment is the child's."""
    server = start(
        args=(
            ("cache-type-k", "q8_0"),
            ("ctx-size", 4096),
            ("flash-attn", True),
            ("kv-offload", False),
            ("parallel", 2),
            ("rope-freq-base", 5000),
            ("threads", 1),
        ),
        env=(("LLMBENCH_TEST_VARIABLE", "arrived"),),
    )
    assert server.server.facts["slots"] == 2
    assert server.server.facts["context_length"] == 2048
    assert server.server.facts["threads"] == 1
    assert "LLMBENCH_TEST_VARIABLE=arrived" in Path(f"/proc/{server.pid}/environ").read_text()


def test_output_goes_to_the_log(start: Start) -> None:
    """What the engine prints is in the log, and nothing secret."""
    log = start().server.log
    assert log is not None
    assert "model loaded" in log.read_text()


def test_api_key_is_demanded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a key refuses requests without it, and the key is neither in its arguments nor log."""
    monkeypatch.setenv("LLMBENCH_TEST_KEY", "hush-hush")
    running = start(api_key_env="LLMBENCH_TEST_KEY")
    server = running.server
    with server_http(server) as http, http_client(server.base_url) as stranger:
        assert http.get("/props").status_code == httpx.codes.OK
        assert stranger.get("/props").status_code == httpx.codes.UNAUTHORIZED
    assert "hush-hush" not in Path(f"/proc/{running.pid}/cmdline").read_text()
    assert server.log is not None
    assert "hush-hush" not in server.log.read_text()
    assert "hush-hush" not in repr(server)


def test_killed_server_is_noticed(start: Start) -> None:
    """A server that is killed says so in one line, and can still be stopped."""
    server = start()
    os.kill(server.pid, signal.SIGKILL)
    assert until(lambda: server.exited() is not None)
    assert server.exited() == "the server was ended by SIGKILL"
    server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_server_dies_with_its_killed_parent(tmp_path: Path) -> None:
    """A parent that is killed leaves no server, and one whose starting thread ended keeps it."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path / "log"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid, base_url = parent.stdout.readline().split()
        with http_client(base_url) as http:
            assert http.get("/health").is_success
        parent.kill()
    assert until(lambda: is_gone(int(pid)))


def test_stop_with_a_stream_in_flight(start: Start) -> None:
    """A server that is answering is stopped all the same; stopping twice is harmless."""
    server = start()
    body = {"prompt": " the", "max_tokens": 10_000, "stream": True, "ignore_eos": True}
    with server_http(server.server) as http, http.stream("POST", "/v1/completions", json=body) as response:
        lines = response.iter_lines()
        next(lines)
        server.stop()
        assert is_gone(server.pid)
        with pytest.raises(httpx.TransportError):
            list(lines)
    server.stop()
    assert server.exited() is not None


def test_bad_model_file_tells_why(tmp_path: Path) -> None:
    """A file that is no model fails at once with the engine's own words."""
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"this is no model")
    context = StartContext(log_path=tmp_path / "logs" / "server.log")
    with pytest.raises(ServerStartError) as caught:
        Embedded().start(DEPLOYMENT.model_copy(update={"source": str(bad)}), context)
    text = str(caught.value)
    assert text.startswith("tiny-glm.llama.tp01.gpux00 did not start: the server exited with code 1")
    assert "invalid magic" in text
    assert f"whole log: {context.log_path}" in text
    assert len(caught.value.log_tail) <= 8


def test_unknown_argument_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """A misspelt argument is a usage error, and there is no log."""
    context = StartContext(log_path=tmp_path / "server.log")
    with pytest.raises(UsageError, match="did you mean 'ctx-size'"):
        Embedded().start(DEPLOYMENT.model_copy(update={"args": (("ctx-sise", 1),)}), context)
    assert not context.log_path.exists()


def test_log_that_cannot_be_written(tmp_path: Path) -> None:
    """A log in an impossible place names the file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be opened as a server's log"):
        Embedded().start(DEPLOYMENT, StartContext(log_path=tmp_path / "file" / "server.log"))


def test_broken_engine_is_unavailable(tmp_path: Path) -> None:
    """An engine that does not load is a reason to skip, with the cause."""
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('libgomp is missing')")
    broken = DEPLOYMENT.model_copy(update={"env": (("PYTHONPATH", str(tmp_path)),)})
    with pytest.raises(Unavailable, match="does not load: libgomp is missing"):
        Embedded().start(broken, StartContext(log_path=tmp_path / "server.log"))


def test_interrupted_start_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while waiting ends the child before it goes on."""
    children: list[int] = []
    whole = ChildProcess.send

    def remember(self: ChildProcess, line: dict[str, object]) -> None:
        children.append(self.pid)
        whole(self, line)

    def interrupt(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ChildProcess, "send", remember)
    monkeypatch.setattr(embedded, "wait_until_ready", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Embedded().start(DEPLOYMENT, StartContext(log_path=tmp_path / "server.log"))
    assert [is_gone(pid) for pid in children] == [True]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"backend": "vllm"}, "serves backend llama, not vllm"),
        ({"tp": 2}, "does not split a model: tp is 2"),
        ({"pp": 2}, "does not split a model: pp is 2"),
        ({"gpus": 64}, "needs 64 GPUs, found"),
    ],
)
def test_unavailable(changes: dict[str, object], reason: str, tmp_path: Path) -> None:
    """What this machine cannot do is a skip reason, and starting it raises the same."""
    wanted = DEPLOYMENT.model_copy(update=changes)
    assert reason in (Embedded().unavailable(wanted) or "")
    with pytest.raises(Unavailable, match=reason):
        Embedded().start(wanted, StartContext(log_path=tmp_path / "server.log"))


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the reason says what to install."""
    assert Embedded().unavailable(DEPLOYMENT) is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    reason = Embedded().unavailable(DEPLOYMENT)
    assert reason == "needs the embedded extra: pip install 'pytest-llmbench[embedded]'"
