"""What is asked, in each API's words."""

from __future__ import annotations

import pytest

from pytest_llmbench.client.dialects import DIALECTS, Ask
from pytest_llmbench.client.dialects.documents import error_message

COMMON = {
    "model": "m",
    "max_tokens": 8,
    "temperature": 0.5,
    "stream": True,
    "stream_options": {"include_usage": True},
}


def test_chat() -> None:
    """A chat request has one user message, asks for usage, and takes the engine's own fields last."""
    body = DIALECTS["openai-chat"].body(
        Ask("Hi", 8, 0.5, 3), model="m", extras={"ignore_eos": True, "temperature": 1}
    )
    message = {"role": "user", "content": "Hi"}
    assert body == {**COMMON, "messages": [message], "seed": 3, "ignore_eos": True, "temperature": 1}


def test_completions() -> None:
    """A completion request has the prompt as it is, and no seed if there is none."""
    body = DIALECTS["openai-completions"].body(Ask("Hi", 8, 0.5), model="m", extras={})
    assert body == {**COMMON, "prompt": "Hi"}


def test_names_and_paths() -> None:
    """Each dialect is found under its own name."""
    assert {name: dialect.path for name, dialect in DIALECTS.items()} == {
        "openai-chat": "/v1/chat/completions",
        "openai-completions": "/v1/completions",
        "openai-responses": "/v1/responses",
        "anthropic-messages": "/v1/messages",
        "llama-completion": "/completion",
        "sglang-generate": "/generate",
        "sglang-generate-incremental": "/generate",
    }
    assert all(dialect.name == name for name, dialect in DIALECTS.items())


@pytest.mark.parametrize("document", [None, [], "error", {}, {"error": None}, {"object": "list"}])
def test_no_error(document: object) -> None:
    """What is no error document has no message."""
    assert error_message(document) is None


def test_responses() -> None:
    """A Responses request has its own names for the same, knows no seed and wants nothing kept."""
    body = DIALECTS["openai-responses"].body(Ask("Hi", 8, 0.5, 3), model="m", extras={"ignore_eos": True})
    assert body == {
        "model": "m",
        "input": "Hi",
        "max_output_tokens": 8,
        "temperature": 0.5,
        "stream": True,
        "store": False,
        "ignore_eos": True,
    }


def test_messages() -> None:
    """A Messages request has one user message and knows no seed; version and key are headers."""
    dialect = DIALECTS["anthropic-messages"]
    assert dialect.body(Ask("Hi", 8, 0.5, 3), model="m", extras={}) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 8,
        "temperature": 0.5,
        "stream": True,
    }
    assert dialect.headers(None) == {"anthropic-version": "2023-06-01"}
    assert dialect.headers("k") == {"anthropic-version": "2023-06-01", "x-api-key": "k"}


def test_llama() -> None:
    """A native llama.cpp request has the prompt as it is and its own name for the length."""
    body = DIALECTS["llama-completion"].body(Ask("Hi", 8, 0.5, 3), model="m", extras={})
    whole = {"model": "m", "prompt": "Hi", "n_predict": 8, "temperature": 0.5, "stream": True, "seed": 3}
    assert body == whole
    del whole["seed"]
    assert DIALECTS["llama-completion"].body(Ask("Hi", 8, 0.5), model="m", extras={}) == whole


def test_sglang() -> None:
    """A native SGLang request has its sampling in an object, with which the engine's own fields merge."""
    extras = {"sampling_params": {"ignore_eos": True}}
    body = DIALECTS["sglang-generate"].body(Ask("Hi", 8, 0.5, 3), model="m", extras=extras)
    sampling = {"max_new_tokens": 8, "temperature": 0.5, "ignore_eos": True}
    assert body == {"text": "Hi", "sampling_params": sampling, "stream": True}


def test_extras_merge() -> None:
    """Objects among the engine's fields add to those of the request, at any depth; all else replaces."""
    extras = {"stream_options": {"continuous_usage_stats": True}, "a": {"b": {"c": 1}}, "seed": None}
    body = DIALECTS["openai-chat"].body(Ask("Hi", 8, seed=3), model="m", extras=extras)
    assert body["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert (body["a"], body["seed"]) == ({"b": {"c": 1}}, None)


@pytest.mark.parametrize("name", sorted(set(DIALECTS) - {"anthropic-messages"}))
def test_headers(name: str) -> None:
    """Only Anthropic's API wants headers of its own."""
    assert DIALECTS[name].headers("k") == {}
