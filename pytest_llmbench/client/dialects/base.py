"""What a dialect is: how one API asks for a stream and says what each event of it means.

One class a file behind `Dialect`; `pytest_llmbench.client.dialects.DIALECTS` names them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.sse import Event

__all__ = ["Ask", "Delta", "Dialect", "Timings", "Usage"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request before it is put into an API's words."""

    prompt: str
    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None


class Usage(Struct, frozen=True, gc=False):
    """Token counts as the server gave them, from the start of the reply; None where it did not."""

    prompt: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


class Timings(Struct, frozen=True, gc=False):
    """What the server itself says it spent on a request, in seconds."""

    prefill: float | None = None
    decode: float | None = None


class Delta(Struct, frozen=True, gc=False):
    """What one event says. A million are made: a struct of msgspec's takes a third of a named tuple's time.

    Attributes:
        output: it carries generated output of any kind.
        answer: some of that is answer rather than reasoning.
        text: the output; with `whole`, the reply so far, of which only what is new is output.
        finish: why generation ended: `stop`, `length` or `tool_calls` where the API's word means that, else
            the API's own word.
        usage: counts up to and including this event.
        done: the stream's own end mark.
    """

    output: bool = False
    answer: bool = False
    text: str = ""
    finish: str | None = None
    usage: Usage | None = None
    error: str | None = None
    model: str | None = None
    done: bool = False
    whole: bool = False
    timings: Timings | None = None


class Dialect(Protocol):
    """An API for streaming generation.

    Attributes:
        name: unique among dialects.
        path: where requests are posted.
        templated: the server puts the prompt into the model's chat template.
    """

    name: str
    path: str
    templated: bool

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Return HTTP headers this API wants beside the usual authorization."""

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        """Return the JSON body of a streaming request.

        `extras` are the engine's own fields; objects among them are merged, everything else replaces.
        """

    def read(self, event: Event) -> Delta:
        """Say what an event means.

        Raises:
            ValueError: it is not what this API sends. AttributeError, KeyError and TypeError mean the same.
        """
