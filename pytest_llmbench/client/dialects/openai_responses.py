"""OpenAI's Responses."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_llmbench.client.dialects.base import Ask, Delta
from pytest_llmbench.client.dialects.documents import error_message, load, merged, timings_of, usage_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.sse import Event

__all__ = ["OpenAIResponses"]

# Kind of event with generated text in `delta` → whether that is answer.
_OUTPUT = MappingProxyType(
    {
        "response.output_text.delta": True,
        "response.refusal.delta": True,
        "response.function_call_arguments.delta": True,
        "response.custom_tool_call_input.delta": True,
        "response.mcp_call_arguments.delta": True,
        "response.code_interpreter_call_code.delta": True,
        "response.reasoning_text.delta": False,
        "response.reasoning_summary_text.delta": False,
    }
)
_ENDS = frozenset({"response.completed", "response.incomplete"})
_CALLS = frozenset({"function_call", "custom_tool_call", "mcp_call"})


class OpenAIResponses:
    """`/v1/responses`: typed events, of which the last holds the response and its usage.

    What repeats text that was streamed before (`response.output_text.done` and the like) is no output.
    """

    name = "openai-responses"
    path = "/v1/responses"
    templated = True

    def headers(self, api_key: str | None) -> dict[str, str]:  # noqa: ARG002 - it is in the usual header
        """Return none."""
        return {}

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        """Return the body for one user message; the API knows no seed."""
        body = {
            "model": model,
            "input": ask.prompt,
            "max_output_tokens": ask.max_tokens,
            "temperature": ask.temperature,
            "stream": True,
            # Or a server may keep every response for being asked about it later.
            "store": False,
        }
        return merged(body, extras)

    def read(self, event: Event) -> Delta:
        """Read an event by its type."""
        data = event.data
        if data[:6] == b"[DONE]":  # not of this API; some servers send it all the same
            return Delta(done=True)
        document = load(data)
        kind = document.get("type")
        answer = _OUTPUT.get(kind or "")
        if answer is not None:
            text = "" + document["delta"]
            return Delta(text != "", answer and text != "", text)
        return _end(document) if kind in _ENDS else _other(kind, document)


def _other(kind: str | None, document: dict[str, Any]) -> Delta:
    if kind == "response.output_item.added" and document["item"].get("type") in _CALLS:
        name = "" + (document["item"].get("name") or "")
        return Delta(name != "", name != "", name)
    if kind == "response.failed":
        return Delta(error=error_message(document["response"]) or "the response failed")
    error = error_message(document)
    if error is None and kind is None:
        message = "it has no type"
        raise ValueError(message)
    return Delta(error=error, model=(document.get("response") or {}).get("model"))


def _end(document: dict[str, Any]) -> Delta:
    response = document["response"]
    # "completed" says only that no error ended it: llama.cpp says so when `max_output_tokens` did.
    finish = (response.get("incomplete_details") or {}).get("reason") or response.get("status")
    return Delta(
        finish="length" if finish == "max_output_tokens" else finish,
        usage=usage_of(response.get("usage"), "input", "output"),
        model=response.get("model"),
        done=True,
        timings=timings_of(document.get("timings")),
    )
