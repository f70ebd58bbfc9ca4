"""From an undecoded response to a request trace; runs after the window is over."""

from __future__ import annotations

import json
from itertools import compress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pytest_llmbench.client.dialects.documents import error_message
from pytest_llmbench.client.sse import events
from pytest_llmbench.client.trace import Failure, RequestTrace

if TYPE_CHECKING:
    from pytest_llmbench.client.dialects import Delta, Dialect, Usage
    from pytest_llmbench.client.response import Response

__all__ = ["decode"]

_HTTP_OK = 200
_NO_SUCH_PAGE = (404, 405)
_LONGEST_MESSAGE = 500


def decode(
    response: Response, dialect: Dialect, index: int, *, warmup: bool = False, keep_text: bool = False
) -> RequestTrace:
    """Decode one response.

    A status other than 200, an error inside the stream, a stream without its end and a stream without output
    are failures; whatever arrived before is kept in the trace. The text is kept on demand, and for a success
    whose tokens the server did not count.
    """
    trace = RequestTrace(
        index=index,
        warmup=warmup,
        scheduled=response.scheduled,
        started=response.started,
        connect=response.connect,
        ended=response.ended,
        clock="kernel" if response.kernel else "user",
        failure=response.failure,
    )
    if response.status == _HTTP_OK and response.stream:
        _decode_stream(response, dialect, trace, keep_text=keep_text)
    elif response.status and trace.failure is None:
        trace.failure = _refusal(response, dialect)
    return trace


def _decode_stream(response: Response, dialect: Dialect, trace: RequestTrace, *, keep_text: bool) -> None:
    texts: list[str] = []
    done, counted, error, model = False, 0, None, None
    read, reply, chunks = dialect.read, "", trace.chunks
    for event in events(response.parts):
        try:
            delta = read(event)
            if delta.whole:
                delta, reply = _news(delta, reply), delta.text
        except (ValueError, AttributeError, TypeError, KeyError) as problem:
            error = Failure("protocol", f"not an event of {dialect.name}: {event.data[:80]!r} ({problem})")
            break
        if delta.error is not None:
            error = Failure("stream_error", delta.error[:_LONGEST_MESSAGE])
            break
        # This runs for every chunk: facts only where there may be new ones.
        usage = delta.usage
        if usage is not None or delta.finish is not None or delta.timings is not None or delta.model != model:
            model = delta.model
            _take_facts(trace, delta, event.at)
        if delta.output:
            tokens = None
            if usage is not None and usage.output is not None:
                tokens, counted = usage.output - counted, usage.output
            chunks.add(event.at, event.uncertainty, tokens, answer=delta.answer)
            texts.append(delta.text)
        done = done or delta.done
    trace.failure = error or trace.failure or _lack(response, trace, done=done)
    if keep_text or (trace.failure is None and trace.output_tokens is None):
        trace.text = "".join(texts)
    if keep_text:
        trace.answer = "".join(compress(texts, chunks.answer))


def _news(delta: Delta, reply: str) -> Delta:
    """Reduce an event that holds the whole reply so far to what is new in it."""
    if not delta.text.startswith(reply):
        message = "it does not begin with what came before"
        raise ValueError(message)
    text = delta.text[len(reply) :]
    return replace(delta, text=text, output=text != "", answer=delta.answer and text != "")


def _take_facts(trace: RequestTrace, delta: Delta, at: int) -> None:
    """Take what an event says beside its output; of what is said again, the last counts."""
    if delta.model is not None:
        trace.served_model = delta.model
    if delta.usage is not None:
        _take_usage(trace, delta.usage)
    if delta.finish is not None:
        trace.finish_reason, trace.finished = delta.finish, at
    if delta.timings is not None:
        trace.server_prefill, trace.server_decode = delta.timings.prefill, delta.timings.decode


def _take_usage(trace: RequestTrace, usage: Usage) -> None:
    if usage.prompt is not None:
        trace.prompt_tokens = usage.prompt
    if usage.output is not None:
        trace.output_tokens, trace.token_source = usage.output, "usage"
    if usage.cached is not None:
        trace.cached_tokens = usage.cached
    if usage.reasoning is not None:
        trace.reasoning_tokens = usage.reasoning


def _lack(response: Response, trace: RequestTrace, *, done: bool) -> Failure | None:
    """What a stream without an error of its own lacks for being a success."""
    if not done and (trace.finish_reason is None or not response.complete):
        return Failure("truncated", "the stream ended without its end mark")
    if not trace.chunks:
        return Failure("no_output", "the stream held no output")
    return None


def _refusal(response: Response, dialect: Dialect) -> Failure:
    body = b"".join(data for _, _, data, _ in response.parts)
    try:
        message = error_message(json.loads(body))
    except ValueError:
        message = None
    text = message or body.decode(errors="replace").strip() or "no message"
    text = " ".join(text.split())[:_LONGEST_MESSAGE]
    if response.status == _HTTP_OK:
        return Failure("protocol", f"the answer is not an event stream: {text}", response.status)
    if response.status in _NO_SUCH_PAGE and "model" not in text:  # engines say 404 of unknown models, too
        text = f"{text} (asked for {dialect.path}: the server may not have this endpoint)"
    return Failure("http_status", f"HTTP {response.status}: {text}", response.status)
