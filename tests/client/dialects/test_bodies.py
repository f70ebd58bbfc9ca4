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
