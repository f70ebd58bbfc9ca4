"""OpenAI's text completions, as all engines speak them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.client.dialects.openai_stream import OpenAIStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.dialects.base import Ask
    from pytest_llmbench.client.dialects.openai_stream import Choice

__all__ = ["OpenAICompletions"]


class OpenAICompletions(OpenAIStream):
    """`/v1/completions`."""

    name = "openai-completions"
    path = "/v1/completions"
    templated = False

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        """Return the body for one prompt."""
        return self._whole({"prompt": ask.prompt}, ask, model, extras)

    def _output(self, choice: Choice) -> tuple[str, bool]:
        text = choice.text or ""
        return text, text != ""
