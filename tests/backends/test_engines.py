from __future__ import annotations

import json

import httpx
import pytest

from pytest_llmbench.backends import BACKENDS, backend_of
from pytest_llmbench.errors import ServerError
from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.spec.deployment import Deployment


def client(answers: dict[str, object], status: int = 200) -> tuple[httpx.Client, list[object]]:
    """Give a client of made-up pages, and the list of bodies it will have posted."""
    posted: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.content:
            posted.append(json.loads(request.content))
        if request.url.path not in answers:
            return httpx.Response(404)
        return httpx.Response(status, json=answers[request.url.path])

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://server"), posted


def test_every_engine_is_known_by_its_name() -> None:
    """The names in a configuration lead to the engines, and each says where it runs by default."""
    assert {name: backend.default_runtime for name, backend in BACKENDS.items()} == {
        "llama": "embedded",
        "ik_llama": "docker",
        "vllm": "docker",
        "sglang": "docker",
        "trtllm": "docker",
        "openai": "external",
    }
    assert all(backend.name == name for name, backend in BACKENDS.items())


def test_generic_server_gets_no_field_beyond_the_protocol() -> None:
    """An unknown server may reject fields it does not know."""
    assert BACKENDS["openai"].request_extras == {}
    assert BACKENDS["openai"].metrics_path is None
    assert BACKENDS["vllm"].request_extras == {"ignore_eos": True}


def test_vllm_counts_messages_and_text() -> None:
    """VLLM applies its own chat template to messages."""
    http, posted = client({"/tokenize": {"count": 12, "max_model_len": 4096, "tokens": []}})
    with http:
        assert BACKENDS["vllm"].count_tokens(http, "hello", chat=True) == 12
        assert BACKENDS["vllm"].count_tokens(http, "hello", chat=False) == 12
    assert posted == [
        {"messages": [{"role": "user", "content": "hello"}], "add_generation_prompt": True},
        {"prompt": "hello", "add_special_tokens": True},
    ]


def test_sglang_counts_text_only() -> None:
    """SGLang tokenizes text, and knows no way to count a chat."""
    http, _ = client({"/tokenize": {"count": 3}})
    with http:
        assert BACKENDS["sglang"].count_tokens(http, "hello", chat=False) == 3
        assert BACKENDS["sglang"].count_tokens(http, "hello", chat=True) is None


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_silent_server_has_no_facts_and_no_counts(name: str) -> None:
    """What a server does not tell is absent, not an error."""
    http, _ = client({})
    with http:
        assert BACKENDS[name].facts(http) == {}
        assert BACKENDS[name].count_tokens(http, "hello", chat=True) is None
        assert BACKENDS[name].count_tokens(http, "hello", chat=False) is None


def test_answers_that_are_not_json_objects_are_no_answers() -> None:
    """A page of another kind counts as absent."""
    http, _ = client({"/v1/models": ["x"], "/version": "0.1"})
    with http:
        assert BACKENDS["vllm"].facts(http) == {}
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, text="<html>"))
    with httpx.Client(transport=transport, base_url="http://server") as html:
        assert BACKENDS["vllm"].facts(html) == {}


def test_refused_key_names_the_setting() -> None:
    """A server that wants a key says so in one line."""
    http, _ = client({"/version": {}, "/v1/models": {}}, status=401)
    with http, pytest.raises(ServerError, match=r"refuses GET /v1/models \(HTTP 401\): .*'api-key-env'"):
        BACKENDS["vllm"].facts(http)


def test_lost_server_is_a_server_error() -> None:
    """A server that is gone is named with the page that was asked for."""

    def fail(request: httpx.Request) -> httpx.Response:
        message = "Connection refused"
        raise httpx.ConnectError(message, request=request)

    with (
        httpx.Client(transport=httpx.MockTransport(fail), base_url="http://server") as http,
        pytest.raises(ServerError, match=r"does not answer POST /tokenize: Connection refused"),
    ):
        BACKENDS["vllm"].count_tokens(http, "hello", chat=True)


def test_connection_that_closed_behind_our_back_is_tried_again() -> None:
    """A question that met a connection the server had closed is asked once more."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) == 1:
            message = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(message, request=request)
        return httpx.Response(200, json={"count": 5})

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://server") as http:
        assert BACKENDS["vllm"].count_tokens(http, "hello", chat=True) == 5
    assert asked == ["/tokenize", "/tokenize"]


@pytest.mark.parametrize(
    ("backend", "engine", "spoken_to"),
    [("openai", "vllm", "vllm"), ("openai", None, "openai"), ("ik_llama", "llama", "ik_llama")],
)
def test_recognised_engine_replaces_only_the_generic_one(
    backend: str, engine: str | None, spoken_to: str
) -> None:
    """What the deployment says holds, unless it only says that the server speaks the protocol."""
    deployment = Deployment(model="m", source="", backend=backend, runtime="external")
    server = Server(deployment, "http://server", "m", facts={"engine": engine})
    assert backend_of(server).name == spoken_to
