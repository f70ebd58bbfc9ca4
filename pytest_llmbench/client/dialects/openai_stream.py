"""What OpenAI's chat completions and text completions have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from pytest_llmbench.client.dialects.base import Ask, Delta, Usage
from pytest_llmbench.client.dialects.documents import (
    error_message,
    load,
    merged,
    reader,
    timings_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.sse import Event

__all__ = ["Choice", "OpenAIStream"]


class Choice(Struct, gc=False):
    """As much of a choice as is read: a chat's has a `delta`, a completion's a `text`."""

    delta: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: str | None = None


_Count = Annotated[int, Meta(ge=0)]


class _Details(Struct, gc=False):
    cached_tokens: _Count | None = None
    reasoning_tokens: _Count | None = None


class _Usage(Struct, gc=False):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Document(Struct, gc=False):
    choices: list[Choice] | None = None
    usage: _Usage | None = None
    model: str | None = None
    timings: dict[str, Any] | None = None
    error: Any = None


_read = reader(_Document)


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
        document = _read(data)
        if not document.choices or event.name == b"error" or document.error is not None:
            return _without_choice(event, document)
        choice = document.choices[0]
        text, answer = self._output(choice)
        # Positional: a million of these are made.
        return Delta(
            text != "",
            answer,
            text,
            choice.finish_reason or None,
            _usage(document.usage),
            None,
            document.model,
            False,  # noqa: FBT003
            False,  # noqa: FBT003
            None if text else timings_of(document.timings),
        )

    @abstractmethod
    def _output(self, choice: Choice) -> tuple[str, bool]:
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


def _without_choice(event: Event, document: _Document) -> Delta:
    error = error_message(load(event.data), named=event.name == b"error")
    if error is not None:
        return Delta(error=error)
    return Delta(usage=_usage(document.usage), model=document.model, timings=timings_of(document.timings))


def _usage(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    cached, reasoning = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        cached.cached_tokens if cached else None,
        reasoning.reasoning_tokens if reasoning else None,
    )
