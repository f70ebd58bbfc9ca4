from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, get_args

import httpx
import pytest

from pytest_llmbench.backends import BACKENDS, backend_of
from pytest_llmbench.client.dialects import DIALECTS, Ask
from pytest_llmbench.errors import ServerError, UsageError
from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.workload import Endpoint

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.server import FactValue


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


def _body(backend: str, endpoint: Endpoint, facts: dict[str, FactValue] | None = None) -> dict[str, Any]:
    api = BACKENDS[backend].api(endpoint, facts or {})
    body = DIALECTS[api.dialect].body(Ask("hi", 8, seed=1), model="m", extras=api.extras)
    whole: dict[str, Any] = json.loads(json.dumps(body))
    return whole


def test_generic_server_gets_no_field_beyond_the_protocol() -> None:
    """An unknown server may reject fields it does not know."""
    openai = BACKENDS["openai"]
    assert all(not openai.api(name, {}).extras for name in ("chat", "completions", "responses", "messages"))
    assert openai.metrics_path is None


@pytest.mark.parametrize("backend", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_tokens_are_counted_with_every_chunk(backend: str, endpoint: Endpoint) -> None:
    """Engines that can are asked for counts in every chunk, beside those at the end: ITL needs them."""
    body = _body(backend, endpoint)
    assert body["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert body["ignore_eos"] is True


def test_native_endpoint() -> None:
    """The engine's own API is llama.cpp's or SGLang's, told in its own words to ignore the end of text."""
    assert BACKENDS["llama"].api("native", {}).dialect == "llama-completion"
    assert BACKENDS["ik_llama"].api("native", {}).dialect == "llama-completion"
    assert BACKENDS["sglang"].api("native", {}).dialect == "sglang-generate"
    assert _body("llama", "native")["ignore_eos"] is True
    assert _body("sglang", "native")["sampling_params"] == {
        "max_new_tokens": 8,
        "temperature": 0.0,
        "ignore_eos": True,
    }


def test_sglang_server_says_how_it_streams() -> None:
    """Whether each event holds the whole reply or what is new is a fact of the server."""
    http, _ = client({"/server_info": {"incremental_streaming_output": True, "api_key": "secret"}})
    with http:
        facts = BACKENDS["sglang"].facts(http)
    assert facts == {"incremental_streaming_output": True}
    assert BACKENDS["sglang"].api("native", facts).dialect == "sglang-generate-incremental"
    assert BACKENDS["sglang"].api("chat", facts).dialect == "openai-chat"


@pytest.mark.parametrize("backend", ["vllm", "trtllm", "openai"])
def test_endpoint_the_engine_does_not_have(backend: str) -> None:
    """A workload that needs another API is the user's mistake, and the message names those there are."""
    with pytest.raises(
        UsageError, match=rf"{backend} has no endpoint 'native'; it has chat, completions, responses"
    ):
        BACKENDS[backend].api("native", {})


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_every_api_has_its_dialect(backend: str) -> None:
    """Each endpoint an engine claims leads to a dialect, and its fields can be sent."""
    for endpoint in get_args(Endpoint):
        with contextlib.suppress(UsageError):
            assert _body(backend, endpoint)["stream"] is True


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


def test_sglang_counts_text_and_messages() -> None:
    """SGLang tokenizes text, and counts messages inside their template where it speaks Anthropic's API."""
    http, posted = client({"/tokenize": {"count": 3}, "/v1/messages/count_tokens": {"input_tokens": 12}})
    with http:
        assert BACKENDS["sglang"].count_tokens(http, "hello", chat=False) == 3
        assert BACKENDS["sglang"].count_tokens(http, "hello", chat=True) == 12
    assert posted == [
        {"prompt": "hello"},
        {"model": "any", "messages": [{"role": "user", "content": "hello"}]},
    ]


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
