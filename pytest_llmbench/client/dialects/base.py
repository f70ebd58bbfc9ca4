"""What a dialect is: how one API asks for a stream and says what each event of it means.

One class a file behind `Dialect`; `pytest_llmbench.client.dialects.DIALECTS` names them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.client.sse import Event

__all__ = ["Ask", "Delta", "Dialect", "Usage", "error_message"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request before it is put into an API's words."""

    prompt: str
    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None


class Usage(NamedTuple):
    """Token counts as the server gave them; None where it did not."""

    prompt: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


class Delta(NamedTuple):
    """What one event says.

    `output` is true if it carries generated output of any kind, `answer` if some of that is answer rather
    than reasoning. `done` marks the stream's own end mark.
    """

    output: bool = False
    answer: bool = False
    text: str = ""
    finish: str | None = None
    usage: Usage | None = None
    error: str | None = None
    model: str | None = None
    done: bool = False


class Dialect(Protocol):
    """An API for streaming generation."""

    name: str
    path: str

    def body(self, ask: Ask, *, model: str, extras: Mapping[str, object]) -> dict[str, Any]:
        """Return the JSON body of a streaming request; `extras` are the engine's own fields."""

    def read(self, event: Event) -> Delta:
        """Say what an event means.

        Raises:
            ValueError: it is not what this API sends.
        """


def error_message(document: object) -> str | None:
    """Return the message of an error document, in any of the shapes the engines use, or None."""
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    if error is None and document.get("object") == "error":
        error = document
    if error is None and "detail" in document:
        error = document["detail"]
    if isinstance(error, dict):
        error = error.get("message") or error
    return None if error is None else str(error)
