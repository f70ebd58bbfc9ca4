"""OpenAI's chat completions and text completions, as vLLM, SGLang, TensorRT-LLM and llama.cpp speak them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from pytest_llmbench.client.dialects.base import Ask, Delta, Usage, error_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.sse import Event

__all__ = ["OpenAIChat", "OpenAICompletions"]


class _OpenAI(ABC):
    def read(self, event: Event) -> Delta:
        data = event.data.strip()
        if not data:
            return Delta()
        if data == b"[DONE]":
            return Delta(done=True)
        document = json.loads(data)
        error = error_message(document)
        if error is not None or event.name == b"error":
            return Delta(error=error or event.data.decode(errors="replace")[:500])
        usage = _usage(document.get("usage"))
        choices = document.get("choices")
        if not choices:
            return Delta(usage=usage, model=document.get("model"))
        text, answer = self._output(choices[0])
        return Delta(
            output=bool(text),
            answer=answer,
            text=text,
            finish=choices[0].get("finish_reason") or None,
            usage=usage,
            model=document.get("model"),
        )

    @abstractmethod
    def _output(self, choice: dict[str, Any]) -> tuple[str, bool]:
        """Return the generated text of a choice, and whether some of it is answer."""

    @staticmethod
    def _common(ask: Ask, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": ask.max_tokens,
            "temperature": ask.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if ask.seed is not None:
            body["seed"] = ask.seed
        return body | dict(extras)


class OpenAIChat(_OpenAI):
    """`/v1/chat/completions`."""

    name = "openai-chat"
    path = "/v1/chat/completions"

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        """Return the body for one user message."""
        return {"messages": [{"role": "user", "content": ask.prompt}], **self._common(ask, model, extras)}

    def _output(self, choice: dict[str, Any]) -> tuple[str, bool]:
        delta = choice.get("delta") or {}
        answer = delta.get("content") or ""
        for call in delta.get("tool_calls") or ():
            function = call.get("function") or {}
            answer += (function.get("name") or "") + (function.get("arguments") or "")
        # `reasoning` is vLLM's name, `reasoning_content` that of the others.
        reasoning = delta.get("reasoning") or delta.get("reasoning_content") or ""
        return reasoning + answer, bool(answer)


class OpenAICompletions(_OpenAI):
    """`/v1/completions`."""

    name = "openai-completions"
    path = "/v1/completions"

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        """Return the body for one prompt."""
        return {"prompt": ask.prompt, **self._common(ask, model, extras)}

    def _output(self, choice: dict[str, Any]) -> tuple[str, bool]:
        text = choice.get("text") or ""
        return text, bool(text)


def _usage(usage: dict[str, Any] | None) -> Usage | None:
    if not usage:
        return None
    prompt_details = usage.get("prompt_tokens_details") or {}
    output_details = usage.get("completion_tokens_details") or {}
    return Usage(
        _count(usage, "prompt_tokens"),
        _count(usage, "completion_tokens"),
        _count(prompt_details, "cached_tokens"),
        _count(output_details, "reasoning_tokens"),
    )


def _count(counts: dict[str, Any], name: str) -> int | None:
    value = counts.get(name)
    if value is not None and (not isinstance(value, int) or value < 0):
        message = f"{name} is {value!r}"
        raise ValueError(message)
    return value
