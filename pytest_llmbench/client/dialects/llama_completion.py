"""llama.cpp's own completion API."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from pytest_llmbench.client.dialects.base import Ask, Delta, Usage
from pytest_llmbench.client.dialects.documents import count, error_message, load, merged, timings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.sse import Event

__all__ = ["LlamaCompletion"]

_FINISH = MappingProxyType({"limit": "length", "eos": "stop", "word": "stop"})


class LlamaCompletion:
    """`/completion`: each event counts the tokens so far, the one with `stop: true` is the last."""

    name = "llama-completion"
    path = "/completion"
    templated = False

    def headers(self, api_key: str | None) -> dict[str, str]:  # noqa: ARG002 - it is in the usual header
        """Return none."""
        return {}

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        """Return the body for one prompt, which gets no chat template."""
        body: dict[str, Any] = {
            "model": model,
            "prompt": ask.prompt,
            "n_predict": ask.max_tokens,
            "temperature": ask.temperature,
            "stream": True,
        }
        if ask.seed is not None:
            body["seed"] = ask.seed
        return merged(body, extras)

    def read(self, event: Event) -> Delta:
        """Read an event, or the one that is the end mark."""
        document = load(event.data)
        if "content" not in document:
            error = error_message(document, named=event.name == b"error")
            if error is None:
                message = "it has no content"
                raise ValueError(message)
            return Delta(error=error)
        text = "" + (document["content"] or "")
        usage = Usage(count(document, "tokens_evaluated"), count(document, "tokens_predicted"))
        if not document.get("stop"):
            return Delta(text != "", text != "", text, None, usage)
        cached = count(document.get("timings") or {}, "cache_n")
        return Delta(
            output=text != "",
            answer=text != "",
            text=text,
            finish=_finish(document),
            usage=replace(usage, cached=cached),
            model=document.get("model"),
            done=True,
            timings=timings_of(document.get("timings")),
        )


def _finish(document: dict[str, Any]) -> str | None:
    kind = document.get("stop_type")
    if kind is None:  # before 2025, and ik_llama.cpp
        kind = next((kind for kind in _FINISH if document.get(f"stopped_{kind}")), None)
    return _FINISH.get(kind or "", kind)
