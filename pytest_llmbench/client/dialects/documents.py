"""JSON documents inside events, and what they say alike in several APIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import convert
from msgspec.json import Decoder

from pytest_llmbench.client.dialects.base import Timings, Usage

__all__ = ["count", "error_message", "load", "merged", "reader", "timings_of", "usage_of"]

_T = TypeVar("_T")


def reader(shape: type[_T]) -> Callable[[bytes], _T]:
    """Return what parses JSON documents of a shape, leaving out what the shape does not name.

    It raises ValueError for what is no JSON or of another shape. The standard library's parser, which takes
    five times as long, is asked only about what msgspec's refuses: halves of surrogate pairs, for one.
    """
    decode = Decoder(shape).decode

    def read(data: bytes) -> _T:
        try:
            return decode(data)
        except ValueError:
            return convert(json.loads(data), shape)

    return read


load = reader(dict[str, Any])
"""Parse a JSON object, whatever is in it."""


def merged(body: dict[str, Any], extras: Mapping[str, object]) -> dict[str, Any]:
    """Return a body with further fields: objects merge, everything else replaces."""
    whole = dict(body)
    for name, value in extras.items():
        if isinstance(value, Mapping):
            known = whole.get(name)
            whole[name] = merged(known if isinstance(known, dict) else {}, value)
        else:
            whole[name] = value
    return whole


def error_message(document: object, *, named: bool = False) -> str | None:
    """Return the message of an error document, in any of the shapes the engines use, or None.

    `named` says that the event was called an error, whatever the document looks like.
    """
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    if error is None and named:
        error = document
    if error is None and "error" in (document.get("object"), document.get("type")):
        error = document
    if error is None and "detail" in document:
        error = document["detail"]
    if isinstance(error, dict):
        error = error.get("message") or error
    return None if error is None else str(error)


def count(counts: Mapping[str, Any], name: str) -> int | None:
    """Return a number of tokens; None if it is not given.

    Raises:
        ValueError: it is no number of anything.
    """
    value = counts.get(name)
    if value is not None and (not isinstance(value, int) or value < 0):
        message = f"{name} is {value!r}"
        raise ValueError(message)
    return value


def usage_of(usage: Mapping[str, Any] | None, prompt: str, output: str) -> Usage | None:
    """Read an OpenAI `usage` object, whose counts are called `<prompt>_tokens` and `<output>_tokens`."""
    if not usage:
        return None
    prompt_details = usage.get(f"{prompt}_tokens_details") or {}
    output_details = usage.get(f"{output}_tokens_details") or {}
    return Usage(
        count(usage, f"{prompt}_tokens"),
        count(usage, f"{output}_tokens"),
        count(prompt_details, "cached_tokens"),
        count(output_details, "reasoning_tokens"),
    )


def timings_of(timings: Mapping[str, Any] | None) -> Timings | None:
    """Read the `timings` that llama.cpp puts into the last event, whatever the API."""
    if not timings:
        return None
    return Timings(_seconds(timings.get("prompt_ms")), _seconds(timings.get("predicted_ms")))


def _seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else None
