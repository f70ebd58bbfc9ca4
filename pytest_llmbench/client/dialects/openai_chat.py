"""OpenAI's chat completions, as all engines speak them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.client.dialects.openai_stream import OpenAIStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.dialects.base import Ask
    from pytest_llmbench.client.dialects.openai_stream import Choice

__all__ = ["OpenAIChat"]


class OpenAIChat(OpenAIStream):
    """`/v1/chat/completions`."""

    name = "openai-chat"
    path = "/v1/chat/completions"
    templated = True

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        """Return the body for one user message."""
        return self._whole({"messages": [{"role": "user", "content": ask.prompt}]}, ask, model, extras)

    def _output(self, choice: Choice) -> tuple[str, bool]:
        delta = choice.delta
        if not delta:
            return "", False
        answer = delta.get("content") or ""
        if answer and len(delta) == 1:
            return "" + answer, True
        answer += delta.get("refusal") or ""
        for call in delta.get("tool_calls") or ():
            function = call.get("function") or {}
            answer += (function.get("name") or "") + (function.get("arguments") or "")
        # `reasoning` is vLLM's name, `reasoning_content` that of the others; some versions send both.
        reasoning = delta.get("reasoning") or delta.get("reasoning_content") or ""
        return reasoning + answer, answer != ""
