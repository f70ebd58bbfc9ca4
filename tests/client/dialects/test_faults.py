"""What may stand in a stream instead of output, and what comes of it."""

from __future__ import annotations

import json

import pytest

from pytest_llmbench.client.dialects.documents import load
from tests.client.dialects.streams import body_of, decoded, named, trace_of

OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}
TEXT = {"index": 0, "delta": {"type": "text_delta", "text": "a"}}

ERRORS = {
    "openai-chat": body_of([{"error": {"message": "Overloaded", "code": 500}}]),
    "openai-completions": body_of([{"object": "error", "message": "Overloaded"}]),
    "llama-completion": body_of([{"error": {"code": 500, "message": "Overloaded", "type": "server_error"}}]),
    "sglang-generate": body_of([{"error": {"message": "Overloaded"}}]),
    "openai-responses": named("error", code="server_error", message="Overloaded", param=None),
    "anthropic-messages": named("error", error=OVERLOADED),
}


@pytest.mark.parametrize("dialect", sorted(ERRORS))
def test_error_in_the_stream(dialect: str) -> None:
    """An error inside a stream with status 200 is a failure in the server's words, in every API."""
    trace = decoded(dialect, ERRORS[dialect])
    assert trace.failure
    assert (trace.failure.kind, trace.failure.message) == ("stream_error", "Overloaded")


@pytest.mark.parametrize("dialect", ["llama-completion", "openai-chat", "openai-completions"])
@pytest.mark.parametrize("field", [b"error: ", b"event: error\ndata: "])
def test_error_in_a_field_of_its_own(dialect: str, field: bytes) -> None:
    """Older versions of llama.cpp, and ik_llama.cpp, send the error itself in a field called so."""
    body = field + b'{"code":500,"message":"Overloaded","type":"server_error"}\n\n'
    trace = decoded(dialect, body)
    assert trace.failure
    assert (trace.failure.kind, trace.failure.message) == ("stream_error", "Overloaded")


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (
            {"status": "failed", "error": {"code": "server_error", "message": "out of memory"}},
            "out of memory",
        ),
        ({"status": "failed", "error": None}, "the response failed"),
    ],
)
def test_failed_response(response: dict[str, object], message: str) -> None:
    """A response that failed says so in its last event, with a reason or without."""
    trace = decoded("openai-responses", named("response.failed", response=response))
    assert trace.failure
    assert (trace.failure.kind, trace.failure.message) == ("stream_error", message)


def test_nested_error_of_responses() -> None:
    """Some servers put the error into an object of its own."""
    body = named("error", error={"message": "Overloaded", "code": "x"})
    trace = decoded("openai-responses", body)
    assert trace.failure
    assert trace.failure.message == "Overloaded"


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ({"type": "abort", "message": "Input is too long"}, "Input is too long"),
        ({"type": "abort"}, "the request was aborted"),
    ],
)
def test_sglang_abort(reason: dict[str, str], message: str) -> None:
    """A request that SGLang aborted did not finish, though it has a finish reason."""
    trace = trace_of("sglang-generate", {"text": "a", "meta_info": {"finish_reason": reason}})
    assert trace.failure
    assert (trace.failure.kind, trace.failure.message) == ("stream_error", message)


def test_sglang_text_that_is_not_whole() -> None:
    """A server that sends what is new where the whole is expected is not silently misread."""
    events = [{"text": text, "meta_info": {"completion_tokens": n}} for n, text in enumerate(["one", " two"])]
    trace = trace_of("sglang-generate", *events)
    assert trace.failure
    assert trace.failure.kind == "protocol"
    assert "it does not begin with what came before" in trace.failure.message


def test_sglang_finish_reason_of_old() -> None:
    """A finish reason may be a word; an event without counts leaves tokens unknown."""
    trace = trace_of("sglang-generate", {"text": "a", "meta_info": {"finish_reason": "stop"}})
    assert trace.failure is None
    assert (trace.finish_reason, trace.output_tokens, trace.chunks[0].tokens) == ("stop", None, None)


@pytest.mark.parametrize(
    ("end", "finish"),
    [
        ({"stop_type": "limit"}, "length"),
        ({"stop_type": "eos"}, "stop"),
        ({"stop_type": "word"}, "stop"),
        ({"stop_type": "none"}, "none"),
        ({"stopped_limit": True, "stopped_eos": False}, "length"),
        ({"stopped_eos": True}, "stop"),
        ({}, None),
    ],
)
def test_llama_end(end: dict[str, object], finish: str | None) -> None:
    """The last event says why, in today's words or in those of before; it is the end mark in any case."""
    trace = trace_of("llama-completion", {"content": "a"}, {"content": "", "stop": True, **end})
    assert trace.failure is None
    assert trace.finish_reason == finish


def test_llama_without_its_end() -> None:
    """Output without the event that says `stop` was cut short."""
    trace = trace_of("llama-completion", {"content": "a", "stop": False})
    assert trace.failure
    assert trace.failure.kind == "truncated"


def test_llama_held_back_character() -> None:
    """A token that completes no character comes with the next chunk, and counts there."""
    pieces = [("a", 1), ("", 2), ("é", 3)]
    events = [{"content": text, "tokens_predicted": n, "tokens_evaluated": 4} for text, n in pieces]
    trace = trace_of("llama-completion", *events, {"content": "", "stop": True, "tokens_predicted": 3})
    assert [chunk.tokens for chunk in trace.chunks] == [1, 2]


def test_message_start_counts_no_output() -> None:
    """The token that a message starts with is still to come: a message cut short has no count."""
    start = named("message_start", message={"model": "m", "usage": {"input_tokens": 5, "output_tokens": 1}})
    trace = decoded("anthropic-messages", start + named("content_block_delta", **TEXT))
    assert (trace.prompt_tokens, trace.output_tokens) == (5, None)


def test_message_without_usage() -> None:
    """A server that counts nothing leaves tokens unknown."""
    events = (
        named("message_start", message={"model": "m"})
        + named("content_block_delta", **TEXT)
        + named("message_delta", delta={"stop_reason": "pause_turn"})
        + named("message_stop")
    )
    trace = decoded("anthropic-messages", events)
    assert trace.failure is None
    assert (trace.finish_reason, trace.prompt_tokens, trace.output_tokens) == ("pause_turn", None, None)


@pytest.mark.parametrize(
    "event",
    [
        named("ping"),
        named("content_block_stop", index=0),
        named("a_future_event", what=1),
        named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        named("content_block_start", index=0, content_block={"type": "redacted_thinking", "data": "x"}),
        named("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "x"}),
    ],
)
def test_message_events_without_output(event: bytes) -> None:
    """Pings, starts, ends, signatures and what is not known yet are no first token."""
    body = event + named("content_block_delta", **TEXT) + named("message_stop")
    trace = decoded("anthropic-messages", body)
    assert trace.failure is None
    assert len(trace.chunks) == 1


@pytest.mark.parametrize("kind", ["response.refusal.delta", "response.custom_tool_call_input.delta"])
def test_output_of_responses_that_is_no_text(kind: str) -> None:
    """Refusals and tool input are output, too."""
    trace = decoded("openai-responses", named(kind, delta="x") + b"data: [DONE]\n\n")
    assert trace.failure is None
    assert [chunk.answer for chunk in trace.chunks] == [True]


def test_responses_without_usage() -> None:
    """A last event without usage leaves tokens unknown."""
    end = named("response.completed", response={"status": "completed", "usage": None})
    trace = decoded("openai-responses", named("response.output_text.delta", delta="x") + end)
    assert trace.failure is None
    assert (trace.finish_reason, trace.output_tokens, trace.token_source) == ("completed", None, None)


def test_refusal_of_chat_is_output() -> None:
    """What a model says in refusing is output."""
    trace = trace_of(
        "openai-chat", {"choices": [{"delta": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
    )
    assert trace.failure is None
    assert trace.text == "No."


@pytest.mark.parametrize(
    ("dialect", "document"),
    [
        ("openai-chat", {"choices": [{"delta": {"content": ["a"]}}]}),
        ("openai-chat", {"choices": [{"delta": {"content": 7}}]}),
        ("openai-completions", {"choices": [{"text": {}, "index": 0}]} | {"choices": [{"text": {"a": 1}}]}),
        ("openai-responses", {"type": "response.output_text.delta", "delta": {"a": 1}}),
        ("openai-responses", {"delta": "a"}),
        ("anthropic-messages", {"delta": {"type": "text_delta", "text": "a"}}),
        ("anthropic-messages", {"type": "content_block_delta", "delta": {"type": "text_delta", "text": 7}}),
        ("llama-completion", {"content": 7}),
        ("llama-completion", {"content": "a", "tokens_predicted": -1}),
        ("llama-completion", {"text": "a"}),
        ("sglang-generate", {"text": 7}),
        ("sglang-generate", {"content": "a"}),
        ("sglang-generate", {"text": "a", "meta_info": {"completion_tokens": "1"}}),
    ],
)
def test_events_that_are_none(dialect: str, document: object) -> None:
    """An event of the wrong shape is a protocol failure that quotes it, not a crash."""
    trace = trace_of(dialect, document)
    assert trace.failure
    assert trace.failure.kind == "protocol"
    assert f"not an event of {dialect}: b'" in trace.failure.message


def test_text_is_kept_where_nobody_counted() -> None:
    """The text of a reply without counts is kept, to be counted; that of a failure or with counts is not."""
    said = {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    assert decoded("openai-chat", body_of([said]), keep_text=False).text == "a"
    assert decoded("openai-chat", body_of([said, usage]), keep_text=False).text is None
    assert decoded("openai-chat", body_of([said, {"error": "x"}]), keep_text=False).text is None


def test_timings_of_llama() -> None:
    """What llama.cpp says of its own times is kept in seconds, the last word counting; nonsense is not."""
    said = {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}
    timings = [{"choices": [], "timings": {"prompt_ms": ms, "predicted_ms": 8}} for ms in (1, 250)]
    trace = trace_of("openai-chat", said, *timings)
    assert (trace.server_prefill, trace.server_decode) == (0.25, 0.008)
    trace = trace_of("openai-chat", said, {"choices": [], "timings": {"prompt_ms": "1"}})
    assert (trace.server_prefill, trace.server_decode) == (None, None)


def test_halves_of_surrogate_pairs() -> None:
    """JSON permits what no other text does; a server that cuts inside a character may send it."""
    document = {"text": "\ud83e"}
    assert load(json.dumps(document).encode()) == document
    with pytest.raises(ValueError, match="Expecting"):
        load(b"{")
