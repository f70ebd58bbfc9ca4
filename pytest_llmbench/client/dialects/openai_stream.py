"""What OpenAI's chat completions and text completions have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from pytest_llmbench.client.dialects.base import Ask, Delta, Usage
from pytest_llmbench.client.dialects.documents import count, error_message, load, merged, timings_of, usage_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.sse import Event

__all__ = ["OpenAIStream"]


class OpenAIStream(ABC):
    """A stream of `choices`, with `usage` in every chunk or in the last, and `[DONE]` at the end."""

    def headers(self, api_key: str | None) -> dict[str, str]:  # noqa: ARG002 - it is in the usual header
        """Return none."""
        return {}

    def read(self, event: Event) -> Delta:
        """Read the first choice, and what stands beside it."""
        data = event.data
        if data[:6] == b"[DONE]":
            return Delta(done=True)
        if not data or data.isspace():
            return Delta()
        document = load(data)
        choices = document.get("choices")
        if not choices or event.name == b"error" or document.get("error") is not None:
            return self._without_choice(event, document)
        choice = choices[0]
        text, answer = self._output(choice)
        # Positional: a million of these are made.
        return Delta(
            text != "",
            answer,
            text,
            choice.get("finish_reason") or None,
            _usage(document.get("usage")),
            None,
            document.get("model"),
            False,  # noqa: FBT003
            False,  # noqa: FBT003
            None if text else timings_of(document),
        )

    def _without_choice(self, event: Event, document: dict[str, Any]) -> Delta:
        error = error_message(document, named=event.name == b"error")
        if error is not None:
            return Delta(error=error)
        usage = _usage(document.get("usage"))
        return Delta(usage=usage, model=document.get("model"), timings=timings_of(document))

    @abstractmethod
    def _output(self, choice: dict[str, Any]) -> tuple[str, bool]:
        """Return the generated text of a choice, and whether some of it is answer."""

    @staticmethod
    def _whole(body: dict[str, Any], ask: Ask, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        body |= {
            "model": model,
            "max_tokens": ask.max_tokens,
            "temperature": ask.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if ask.seed is not None:
            body["seed"] = ask.seed
        return merged(body, extras)


def _usage(usage: dict[str, Any] | None) -> Usage | None:
    """Read `usage`, quickly where it comes with every chunk."""
    if not usage:
        return None
    if not (usage.get("prompt_tokens_details") or usage.get("completion_tokens_details")):
        return Usage(count(usage, "prompt_tokens"), count(usage, "completion_tokens"))
    return usage_of(usage, "prompt", "completion")
