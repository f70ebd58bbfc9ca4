"""SGLang's own generation API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.client.dialects.base import Ask, Delta, Usage
from pytest_llmbench.client.dialects.documents import count, error_message, load, merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.sse import Event

__all__ = ["SGLangGenerate", "SGLangGenerateIncremental"]


class SGLangGenerate:
    """`/generate`: each event holds the whole reply so far and counts its tokens."""

    name = "sglang-generate"
    path = "/generate"
    templated = False
    _whole = True

    def headers(self, api_key: str | None) -> dict[str, str]:  # noqa: ARG002 - it is in the usual header
        """Return none."""
        return {}

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:  # noqa: ARG002
        """Return the body for one prompt, which gets no chat template.

        The server has one model and is not asked for it by name. A seed is not sent: versions that do not
        know its name refuse the request.
        """
        body = {
            "text": ask.prompt,
            "sampling_params": {"max_new_tokens": ask.max_tokens, "temperature": ask.temperature},
            "stream": True,
        }
        return merged(body, extras)

    def read(self, event: Event) -> Delta:
        """Read an event; one that aborts the request is an error."""
        data = event.data
        if data[:6] == b"[DONE]":
            return Delta(done=True)
        document = load(data)
        if "text" not in document:
            error = error_message(document)
            if error is None:
                message = "it has no text"
                raise ValueError(message)
            return Delta(error=error)
        text = "" + (document["text"] or "")
        told = document.get("meta_info") or {}
        finish = told.get("finish_reason")
        if isinstance(finish, dict):
            if finish.get("type") == "abort":
                return Delta(error=str(finish.get("message") or "the request was aborted"))
            finish = finish.get("type")
        usage = Usage(
            count(told, "prompt_tokens"),
            count(told, "completion_tokens"),
            count(told, "cached_tokens"),
            count(told, "reasoning_tokens") or None,  # 0 also where they are not counted
        )
        return Delta(text != "", text != "", text, finish, usage, whole=self._whole)


class SGLangGenerateIncremental(SGLangGenerate):
    """The same from a server started with `--incremental-streaming-output`: each event holds what is new."""

    name = "sglang-generate-incremental"
    _whole = False
