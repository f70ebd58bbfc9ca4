"""What a server may send instead of a clean stream, and what the client makes of it."""

from __future__ import annotations

import json

import pytest

from pytest_llmbench.client.plan import Timeouts
from tests.client.asking import ask, responses, trace_of
from tests.client.fake_server import (
    DONE,
    HEAD,
    LAST_CHUNK,
    FakeServer,
    Peer,
    answer,
    chunked,
    content,
    reply,
    role,
    sse,
    stream,
    usage,
)


def _failure(*pieces: bytes) -> tuple[str, str]:
    failure = ask(list(pieces)).failure
    assert failure
    return failure.kind, failure.message


def test_clean_stream() -> None:
    """A stream with output, finish reason, usage and end mark is a success with all of them."""
    trace = ask(stream(role(), content("Hel"), content("lo", "stop"), usage(7, 2)))
    assert trace.failure is None
    assert trace.text == "Hello"
    assert (trace.prompt_tokens, trace.output_tokens, trace.token_source) == (7, 2, "usage")
    assert (trace.finish_reason, trace.served_model, trace.clock) == ("stop", "fake", "kernel")
    assert trace.started
    assert trace.finished == trace.chunks[-1].at
    assert trace.started < trace.chunks[0].at <= trace.chunks[1].at <= (trace.ended or 0)


@pytest.mark.parametrize("text", ["", None])
def test_role_only_chunk_is_no_output(text: str | None) -> None:
    """A chunk that only names the role is no first token, whatever it says of content."""
    trace = ask(stream(role(text), content("a", "stop")))
    assert len(trace.chunks) == 1


def test_absent_content_is_no_output() -> None:
    """A delta without content, an empty delta and a missing delta are no output."""
    bare = {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}
    trace = ask(stream(bare, {"choices": [{"delta": {}}]}, {"choices": [{}]}, content("a", "stop")))
    assert trace.failure is None
    assert len(trace.chunks) == 1


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_output_but_no_answer(name: str) -> None:
    """Reasoning counts as output under both of its names, and not as answer."""
    trace = ask(stream(content(None, **{name: "hm"}), content("a", "stop")))
    assert [chunk.answer for chunk in trace.chunks] == [False, True]
    assert trace.text == "hma"


def test_tool_calls_are_output() -> None:
    """The name and the arguments of a tool call are output; a call that brings neither is none."""
    calls = [{"function": {"name": "f"}}, {"function": {"arguments": "{}"}}, {"function": None}]
    trace = ask(stream(*(content(None, tool_calls=[call]) for call in calls), content("", "tool_calls")))
    assert len(trace.chunks) == 2
    assert trace.text == "f{}"
    assert trace.finish_reason == "tool_calls"


def test_usage_with_every_chunk() -> None:
    """With running counts, each chunk carries the difference, what an empty chunk counted included."""
    documents = [
        {**role(), "usage": {"prompt_tokens": 5, "completion_tokens": 0}},
        {**content("a"), "usage": {"prompt_tokens": 5, "completion_tokens": 1}},
        {**content(""), "usage": {"prompt_tokens": 5, "completion_tokens": 3}},
        {**content("b", "stop"), "usage": {"prompt_tokens": 5, "completion_tokens": 4}},
    ]
    trace = ask(stream(*documents, usage(5, 4)))
    assert [chunk.tokens for chunk in trace.chunks] == [1, 3]
    assert trace.output_tokens == 4


def test_details_of_usage() -> None:
    """Cached and reasoning tokens come from usage, where it has them."""
    details = {
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    trace = ask(stream(content("a", "stop"), usage(5, 1, **details)))
    assert (trace.cached_tokens, trace.reasoning_tokens) == (3, 2)
    trace = ask(stream(content("a", "stop"), usage(5, 1, prompt_tokens_details=None)))
    assert (trace.cached_tokens, trace.reasoning_tokens) == (None, None)


def test_no_usage_no_tokens() -> None:
    """Without usage tokens are unknown, not guessed."""
    trace = ask(stream(content("a"), content("b", "stop")))
    assert trace.failure is None
    assert (trace.output_tokens, trace.token_source, trace.chunks[0].tokens) == (None, None, None)


@pytest.mark.parametrize("counts", [{"completion_tokens": "two"}, {"prompt_tokens": [1]}, ["usage"]])
def test_counts_that_are_no_numbers(counts: object) -> None:
    """Counts that are no numbers make the stream a protocol failure, not a crash."""
    trace = ask(stream({**content("a", "stop"), "usage": counts}))
    assert trace.failure
    assert trace.failure.kind == "protocol"


def test_completions_dialect() -> None:
    """Text completions carry their output in `text`."""
    first = {"choices": [{"index": 0, "text": "a", "finish_reason": None}]}
    last = {"choices": [{"index": 0, "text": "", "finish_reason": "length"}]}
    trace = ask(stream(first, last, usage(1, 1)), dialect="openai-completions")
    assert (trace.failure, trace.text, trace.finish_reason) == (None, "a", "length")


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_comments_empty_events_and_names(newline: bytes) -> None:
    """Comments, events without data and unknown fields are left out, with either end of line."""
    noise = b": ping\n\nid: 1\n\ndata:\n\nevent: ping\ndata: {}\n\n\n\nretry: 5\n\n"
    body = noise + sse(content("a", "stop")).replace(b"data: ", b"id: 2\ndata:") + DONE
    trace = ask([HEAD, chunked(body.replace(b"\n", newline)), LAST_CHUNK])
    assert trace.failure is None
    assert trace.text == "a"


@pytest.mark.parametrize(
    "error",
    [
        sse({"error": {"message": "out of memory", "code": 500}}),
        sse({"object": "error", "message": "out of memory"}),
        sse({"error": "out of memory"}),
        b"event: error\ndata: out of memory\n\n".replace(b"out of memory", b'{"what": "out of memory"}'),
    ],
)
def test_error_inside_the_stream(error: bytes) -> None:
    """An error in the stream is a failure though the status was 200, and what came before is kept."""
    trace = ask([HEAD, chunked(sse(content("a"))), chunked(error), chunked(DONE), LAST_CHUNK])
    assert trace.failure
    assert trace.failure.kind == "stream_error"
    assert "out of memory" in trace.failure.message
    assert len(trace.chunks) == 1
    assert trace.text == "a"


@pytest.mark.parametrize("junk", [b"data: {nonsense\n\n", b"data: [1]\n\n", b'data: {"choices": "x"}\n\n'])
def test_events_that_are_none(junk: bytes) -> None:
    """An event that the dialect does not know is a protocol failure that quotes it."""
    kind, message = _failure(HEAD, chunked(junk), LAST_CHUNK)
    assert kind == "protocol"
    assert "not an event of openai-chat: b'" in message


def test_stream_without_its_end() -> None:
    """A stream that ends with neither end mark nor finish reason was cut, well framed or not."""
    assert _failure(HEAD, chunked(sse(content("a"))), LAST_CHUNK) == (
        "truncated",
        "the stream ended without its end mark",
    )


def test_finish_reason_ends_a_stream_that_has_no_mark() -> None:
    """A framed stream with a finish reason is whole without the end mark."""
    assert ask(stream(content("a", "stop"), done=False)).failure is None


def test_empty_finish_reason_is_none() -> None:
    """A finish reason of no characters says nothing."""
    trace = ask(stream(content("a", ""), done=False))
    assert trace.failure
    assert trace.finish_reason is None


def test_event_without_its_blank_line_does_not_count() -> None:
    """What the end of the stream cut off is not an event."""
    cut = sse(content("b", "stop"))[:-1]
    trace = ask([HEAD, chunked(sse(content("a"))), chunked(cut), LAST_CHUNK])
    assert trace.text == "a"
    assert trace.failure
    assert trace.failure.kind == "truncated"


def test_broken_in_the_middle() -> None:
    """A stream whose connection is reset keeps its chunks and fails with the system's reason."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(HEAD + chunked(sse(content("a"))), then_wait=0.05)
        peer.reset()

    trace = ask(script)
    assert trace.failure
    assert trace.failure.kind == "truncated"
    assert trace.failure.message == "Connection reset by peer"
    assert trace.text == "a"


def test_closed_in_the_middle() -> None:
    """A stream whose connection is closed without the last frame was cut, a finish reason or not."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(HEAD + chunked(sse(content("a", "stop"))))

    trace = ask(script)
    assert trace.failure
    assert trace.failure.kind == "truncated"


def test_body_that_ends_with_the_connection() -> None:
    """A body without a length is whole when its end mark came, and the next request connects again."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(head + sse(content("a", "stop")) + DONE)

    with FakeServer(script) as server:
        traces = [trace_of(response) for response in responses(server.url, b"{}", b"{}")]
        assert [trace.failure for trace in traces] == [None, None]
        assert all(trace.connect for trace in traces)
    assert len(server.peers) == 2


def test_body_with_a_length() -> None:
    """A stream that was buffered into one answer with a length is read like any other."""
    body = sse(content("a", "stop")) + DONE
    assert ask([reply("200 OK", body, "text/event-stream")]).failure is None


def test_no_output() -> None:
    """A 200 with no output is a failure."""
    kind, message = _failure(*stream(role(), content("", "stop"), usage(5, 0)))
    assert (kind, message) == ("no_output", "the stream held no output")


def test_json_instead_of_a_stream() -> None:
    """A server that ignores `stream` is told apart from one that fails."""
    body = json.dumps({"choices": [{"message": {"content": "a"}}]}).encode()
    kind, message = _failure(reply("200 OK", body))
    assert kind == "protocol"
    assert message.startswith('the answer is not an event stream: {"choices"')


def test_error_document_with_status_200() -> None:
    """An error document says its message, whatever its status."""
    kind, message = _failure(reply("200 OK", b'{"error": {"message": "no such model"}}'))
    assert (kind, message) == ("protocol", "the answer is not an event stream: no such model")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "too long", "type": "x"}}', "too long"),
        (b'{"object": "error", "message": "too long", "code": 400}', "too long"),
        (b'{"detail": "too long"}', "too long"),
        (b'{"error": {"code": 7}}', "{'code': 7}"),
        (b'{"other": 1}', '{"other": 1}'),
        (b"<html>\n <h1>Bad Gateway</h1>\n</html>", "<html> <h1>Bad Gateway</h1> </html>"),
        (b"\xff\xfe", "��"),
        (b"", "no message"),
    ],
)
def test_refusals(body: bytes, message: str) -> None:
    """A refusal says its status and its message, in whatever form the server gave it."""
    trace = ask([reply("503 Service Unavailable", body)])
    assert trace.failure
    assert (trace.failure.kind, trace.failure.status) == ("http_status", 503)
    assert trace.failure.message == f"HTTP 503: {message}"


def test_long_refusals_are_cut() -> None:
    """A page of error text becomes one line of bounded length."""
    trace = ask([reply("500 Oops", b"x" * 100_000)])
    assert trace.failure
    assert len(trace.failure.message) < 600


def test_interim_answers_are_not_the_answer() -> None:
    """Interim answers (100, 103) come before the answer and are not it."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert ask([interim, *stream(content("a", "stop"))]).failure is None
    assert ask([interim + b"".join(stream(content("a", "stop")))]).failure is None


def test_slow_headers() -> None:
    """Headers that arrive byte by byte make the same answer."""
    trace = ask([*(bytes([byte]) for byte in HEAD), *stream(content("a", "stop"))[1:]])
    assert trace.failure is None


def test_garbage_instead_of_http() -> None:
    """What is not HTTP is a protocol failure."""
    kind, _ = _failure(b"SSH-2.0-OpenSSH_9.6\r\n")
    assert kind == "protocol"


def test_timeout_keeps_what_had_arrived() -> None:
    """A request that takes too long fails with the limit, and keeps its chunks."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(HEAD + chunked(sse(content("a"))))
        peer.wait_for_close()

    trace = ask(script, timeouts=Timeouts(total=0.1))
    assert trace.failure
    assert (trace.failure.kind, trace.failure.message) == ("timeout", "not finished within 0.1 s")
    assert trace.text == "a"


def test_failures_do_not_leak_into_the_next_request() -> None:
    """After a broken answer the next request gets a new connection and nothing of the old one."""
    good = b"".join(stream(content("good", "stop")))
    broken = HEAD + chunked(sse(content("stale"))) + b"this is no chunk\r\n"

    def script(peer: Peer) -> None:
        while peer.receive():
            peer.send(broken if peer.index == 0 else good)

    with FakeServer(script) as server:
        first, second = (trace_of(response) for response in responses(server.url, b"{}", b"{}"))
    assert first.failure
    assert (first.failure.kind, first.text) == ("protocol", "stale")
    assert (second.failure, second.text) == (None, "good")


@pytest.mark.parametrize("stray", [b"stray", b"".join(stream(content("stray", "stop")))])
def test_bytes_after_the_answer(stray: bytes) -> None:
    """Bytes that follow an answer belong to nothing; the connection is not used again."""
    pieces = stream(content("good", "stop"))
    with FakeServer(answer(b"".join(pieces) + stray)) as server:
        traces = [trace_of(response) for response in responses(server.url, b"{}", b"{}")]
    assert [(trace.failure, trace.text) for trace in traces] == [(None, "good")] * 2
    assert len(server.peers) == 2


def test_bytes_while_nothing_is_asked() -> None:
    """Bytes that arrive between requests close the connection; the next request is not answered by them."""

    def script(peer: Peer) -> None:
        while peer.receive():
            peer.send(b"".join(stream(content("good", "stop"))), then_wait=0.02)
            peer.send(b"".join(stream(content("stray", "stop"))))

    with FakeServer(script) as server:
        traces = [trace_of(response) for response in responses(server.url, b"{}", b"{}", pause=0.1)]
    assert [(trace.failure, trace.text) for trace in traces] == [(None, "good")] * 2
