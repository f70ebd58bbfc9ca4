from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.backends import backend_of
from pytest_llmbench.errors import ServerStartError, UsageError
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.external import External, normalise_url
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_llmbench.runtimes.embedded import EmbeddedServer
    from pytest_llmbench.runtimes.external import ExternalServer
    from tests.runtimes.conftest import Start


def ask(url: str | None, tmp_path: Path, **changes: object) -> ExternalServer:
    """Start an external deployment at an address."""
    whole = {"model": "m", "source": "", "backend": "openai", "runtime": "external", "url": url, **changes}
    return External().start(Deployment.model_validate(whole), StartContext(log_path=tmp_path / "log"))


@contextmanager
def pages(answers: Mapping[str, object]) -> Iterator[str]:
    """Serve JSON pages and give the address; what is not there is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path in answers
            body = json.dumps(answers.get(self.path, {})).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def models(*names: str, owner: str = "somebody", **more: object) -> dict[str, object]:
    """Make the page `/v1/models`."""
    return {"data": [{"id": name, "owned_by": owner, **more} for name in names]}


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_running_server_is_recognised(shared: EmbeddedServer, tmp_path: Path, suffix: str) -> None:
    """A llama.cpp server is found, named and asked for its facts, however its address is written."""
    found = ask(shared.server.base_url + suffix, tmp_path)
    assert found.server.base_url == shared.server.base_url
    assert found.server.served_model == shared.server.served_model
    assert found.server.facts["engine"] == "llama"
    assert found.server.facts["slots"] == 4
    assert backend_of(found.server).name == "llama"
    assert found.exited() is None
    found.stop()
    assert shared.exited() is None


def test_api_key(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key opens the server; without it, or with a wrong one, the message says what is missing."""
    monkeypatch.setenv("LLMBENCH_TEST_KEY", "hush-hush")
    running = start(api_key_env="LLMBENCH_TEST_KEY").server
    found = ask(running.base_url, tmp_path, api_key_env="LLMBENCH_TEST_KEY")
    assert found.server.headers == {"Authorization": "Bearer hush-hush"}
    assert "hush-hush" not in repr(found.server)
    with pytest.raises(ServerStartError, match="'api-key-env' names the variable"):
        ask(running.base_url, tmp_path)
    monkeypatch.setenv("LLMBENCH_TEST_KEY", "wrong-key")
    with pytest.raises(ServerStartError, match="HTTP 401") as caught:
        ask(running.base_url, tmp_path, api_key_env="LLMBENCH_TEST_KEY")
    assert "wrong-key" not in str(caught.value)


def test_missing_key_is_a_usage_error(tmp_path: Path) -> None:
    """A key's variable that is not set is named before the server is asked."""
    with pytest.raises(UsageError, match="environment variable LLMBENCH_NO_SUCH_KEY"):
        ask("http://127.0.0.1:9", tmp_path, api_key_env="LLMBENCH_NO_SUCH_KEY")


def test_nothing_listens(tmp_path: Path) -> None:
    """An address where nothing listens gives one line with address and cause."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ServerStartError, match="Connection refused") as caught:
            ask(url, tmp_path)
    assert url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_vanished_server_is_noticed(start: Start, tmp_path: Path) -> None:
    """A server that was there and is gone says so."""
    running = start()
    found = ask(running.server.base_url, tmp_path)
    running.stop()
    assert found.exited() == f"nothing listens at {running.server.base_url} any more: Connection refused"


def test_several_models_need_a_name(tmp_path: Path) -> None:
    """Of several served models one has to be named; the message lists them."""
    with pages({"/v1/models": models("one", "two")}) as url:
        with pytest.raises(UsageError, match="serves one, two: name one with 'served-model'"):
            ask(url, tmp_path)
        assert ask(url, tmp_path, served_model="two").server.served_model == "two"
        with pytest.raises(UsageError, match=r"does not serve 'tow': did you mean 'two'"):
            ask(url, tmp_path, served_model="tow")


def test_server_without_a_list_needs_a_name(tmp_path: Path) -> None:
    """A server that does not list its models is used under the stated name."""
    with pages({}) as url:
        with pytest.raises(UsageError, match="does not list what it serves"):
            ask(url, tmp_path)
        found = ask(url, tmp_path, served_model="mine").server
        assert found.served_model == "mine"
        assert found.facts["engine"] is None
        assert backend_of(found).name == "openai"


@pytest.mark.parametrize(
    ("engine", "answers", "facts"),
    [
        (
            "vllm",
            {"/v1/models": models("m", owner="vllm", max_model_len=4096), "/version": {"version": "0.32.0"}},
            {"version": "0.32.0", "context_length": 4096},
        ),
        (
            "sglang",
            {
                "/v1/models": models("m", owner="sglang", max_model_len=4096),
                "/server_info": {
                    "version": "0.5.9",
                    "max_total_num_tokens": 99,
                    "attention_backend": "fa3",
                    "api_key": "hush",
                    "context_length": None,
                },
            },
            {"version": "0.5.9", "context_length": 4096, "kv_capacity": 99, "attention_backend": "fa3"},
        ),
        (
            "sglang",
            {"/v1/models": models("m"), "/get_server_info": {"max_total_num_tokens": 7}},
            {"kv_capacity": 7},
        ),
        (
            "trtllm",
            {"/v1/models": models("m", owner="tensorrt_llm"), "/version": {"version": "1.2"}},
            {"version": "1.2"},
        ),
        ("llama", {"/v1/models": models("m"), "/props": {"total_slots": 8}}, {"slots": 8}),
    ],
)
def test_engines_are_recognised(
    tmp_path: Path, engine: str, answers: dict[str, object], facts: dict[str, object]
) -> None:
    """The engine is known by its model list, or by a page only it has, and asked in its own way."""
    with pages(answers) as url:
        server = ask(url, tmp_path).server
    assert server.facts == {**facts, "engine": engine}
    assert backend_of(server).name == engine


def test_another_engine_than_stated_is_refused(tmp_path: Path) -> None:
    """A cell that says vLLM never measures something else; a fork may answer as its origin."""
    with pages({"/v1/models": models("m", owner="llamacpp")}) as url:
        with pytest.raises(UsageError, match=r"is served by llama, but .* says backend vllm"):
            ask(url, tmp_path, backend="vllm")
        assert backend_of(ask(url, tmp_path, backend="ik_llama").server).name == "ik_llama"


def test_address_is_needed(tmp_path: Path) -> None:
    """Without an address there is nothing to ask."""
    with pytest.raises(UsageError, match="has no url"):
        ask(None, tmp_path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("https://host/base/v1/", "https://host/base"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_addresses(written: str, meant: str) -> None:
    """Addresses are accepted as people write them."""
    assert normalise_url(written) == meant


@pytest.mark.parametrize("written", ["ftp://host", "http://", ""])
def test_bad_addresses(written: str) -> None:
    """What is no HTTP address is answered with an example."""
    with pytest.raises(UsageError, match="not an HTTP address"):
        normalise_url(written)
