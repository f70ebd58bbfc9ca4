"""Anthropic's Messages."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from pytest_llmbench.client.dialects.base import Ask, Delta, Usage
from pytest_llmbench.client.dialects.documents import count, error_message, load, merged, timings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.sse import Event

__all__ = ["AnthropicMessages"]

_VERSION = "2023-06-01"
# Kind of delta → the field with its text, and whether that is answer. Signatures are not generated.
_DELTAS = MappingProxyType(
    {
        "text_delta": ("text", True),
        "input_json_delta": ("partial_json", True),
        "thinking_delta": ("thinking", False),
    }
)
# Kind of block → the field of its start that may hold generated text already, and whether that is answer.
_STARTS = MappingProxyType(
    {
        "text": ("text", True),
        "tool_use": ("name", True),
        "server_tool_use": ("name", True),
        "thinking": ("thinking", False),
    }
)
_FINISH = MappingProxyType(
    {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
)


class AnthropicMessages:
    """`/v1/messages`: typed events for the message and each of its blocks, `message_stop` at the end."""

    name = "anthropic-messages"
    path = "/v1/messages"
    templated = True

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Return the API's version, and the key where this API looks for it."""
        headers = {"anthropic-version": _VERSION}
        return headers | {"x-api-key": api_key} if api_key else headers

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        """Return the body for one user message; the API knows no seed."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": ask.prompt}],
            "max_tokens": ask.max_tokens,
            "temperature": ask.temperature,
            "stream": True,
        }
        return merged(body, extras)

    def read(self, event: Event) -> Delta:
        """Read an event by its type; types that are not known are to be left out, the API says."""
        document = load(event.data)
        kind = document["type"]
        if kind == "content_block_delta":
            delta = document["delta"]
            return _text(delta, _DELTAS.get(delta["type"]))
        if kind == "content_block_start":
            block = document["content_block"]
            return _text(block, _STARTS.get(block["type"]))
        if kind == "message_delta":
            finish = (document.get("delta") or {}).get("stop_reason")
            usage = _usage(document.get("usage"))
            timings = timings_of(document.get("timings"))
            return Delta(finish=_FINISH.get(finish or "", finish), usage=usage, timings=timings)
        if kind == "message_start":
            message = document["message"]
            usage = _usage(message.get("usage"))
            # Of output it counts none yet, or one that is still to come.
            return Delta(usage=usage and replace(usage, output=None), model=message.get("model"))
        if kind == "error":
            return Delta(error=error_message(document))
        return Delta(done=kind == "message_stop")


def _text(part: dict[str, Any], known: tuple[str, bool] | None) -> Delta:
    if known is None:
        return Delta()
    field, answer = known
    text = "" + (part.get(field) or "")
    return Delta(text != "", answer and text != "", text)


def _usage(usage: dict[str, Any] | None) -> Usage | None:
    if not usage:
        return None
    new, cached = count(usage, "input_tokens"), count(usage, "cache_read_input_tokens")
    prompt = None
    if new is not None:  # `input_tokens` are those that came from no cache and went into none
        prompt = new + (cached or 0) + (count(usage, "cache_creation_input_tokens") or 0)
    return Usage(prompt, count(usage, "output_tokens"), cached)
