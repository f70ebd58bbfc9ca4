"""Streams of real engines, and of documented ones: what is read, however the bytes were cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.dialects.streams import decoded, recording

if TYPE_CHECKING:
    from pytest_llmbench.client.trace import RequestTrace

SAID = " grade pair normal do heart"
CHATTED = " my can buttons apple child"


@dataclass(frozen=True)
class Expected:
    """What a recording says. `chunks` are the text's pieces as (tokens, answer)."""

    dialect: str
    text: str
    chunks: tuple[tuple[int | None, bool], ...]
    finish: str
    prompt: int
    output: int
    cached: int | None
    reasoning: int | None = None
    model: str | None = "m"
    timed: bool = False


# Of a model with random weights that knows bytes only; with speculation, and half characters held back.
BYTES = "\x1a)\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\x1a)))"
BUILTIN = "tiny-glm-c1d4abfc"
PLAIN, COUNTED = ((None, True),) * 5, ((1, True),) * 5

RECORDINGS = {
    "recorded-llama-chat": Expected(
        "openai-chat", CHATTED, PLAIN, "length", 14, 5, 4, None, BUILTIN, timed=True
    ),
    "recorded-llama-completions": Expected(
        "openai-completions", SAID, PLAIN, "length", 8, 5, 0, None, BUILTIN, timed=True
    ),
    "recorded-llama-native": Expected(
        "llama-completion", SAID, COUNTED, "length", 8, 5, 7, None, BUILTIN, timed=True
    ),
    "recorded-llama-responses": Expected(
        "openai-responses", CHATTED, PLAIN, "completed", 14, 5, 13, None, BUILTIN, timed=True
    ),
    "recorded-llama-messages": Expected(
        "anthropic-messages", CHATTED, PLAIN, "length", 14, 5, 13, None, BUILTIN
    ),
    "recorded-vllm-chat": Expected(
        "openai-chat", BYTES, tuple((n, True) for n in (1, 1, 7, 1, 1, 1)), "length", 40, 12, 0, None, "tiny"
    ),
    "recorded-vllm-completions": Expected(
        "openai-completions",
        "\x12\x12\x12\x12\x12\ufffd\x12",
        tuple((n, True) for n in (1, 1, 1, 2, 2)),
        "length",
        10,
        8,
        0,
        None,
        "tiny",
    ),
    "recorded-vllm-responses": Expected(
        "openai-responses", BYTES, ((None, True),) * 6, "length", 40, 12, 0, 0, "tiny"
    ),
    "recorded-vllm-messages": Expected(
        "anthropic-messages", BYTES, ((None, True),) * 6, "length", 40, 12, 0, None, "tiny"
    ),
    "written-vllm-chat-speculation": Expected(
        "openai-chat",
        "Let me see 🤔Yeast makes gas, the gas café",
        ((3, False), (1, False), (1, True), (4, True), (2, True)),
        "stop",
        12,
        12,
        8,
    ),
    "written-openai-chat-tool-call": Expected(
        "openai-chat", 'weather{"city":"Bern"}', ((None, True),) * 3, "tool_calls", 50, 9, 0, 0
    ),
    "written-openai-responses": Expected(
        "openai-responses",
        'Look upOne moment…weather{"city":"Bern"}',
        ((None, False), *((None, True),) * 4),
        "length",
        40,
        20,
        32,
        5,
    ),
    "written-anthropic-messages": Expected(
        "anthropic-messages",
        'Look upOne moment…weather{"city":"Bern"}',
        ((None, False), *((None, True),) * 3),
        "tool_calls",
        40,
        30,
        16,
    ),
    "written-sglang-generate": Expected(
        "sglang-generate",
        " the the 日本.",
        ((1, True), (1, True), (3, True), (1, True)),
        "length",
        6,
        6,
        1,
        model=None,
    ),
    "written-sglang-generate-incremental": Expected(
        "sglang-generate-incremental",
        " the the 日本.",
        ((1, True), (1, True), (3, True), (1, True)),
        "length",
        6,
        6,
        1,
        model=None,
    ),
}
NAMES = sorted(RECORDINGS)


def _read(trace: RequestTrace) -> Expected:
    return Expected(
        "",
        trace.text or "",
        tuple((chunk.tokens, chunk.answer) for chunk in trace.chunks),
        trace.finish_reason or "",
        trace.prompt_tokens or 0,
        trace.output_tokens or 0,
        trace.cached_tokens,
        trace.reasoning_tokens,
        trace.served_model,
        trace.server_prefill is not None and trace.server_decode is not None,
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read(name: str) -> None:
    """Text, tokens of each chunk, counts and reasons are those of the stream."""
    expected = RECORDINGS[name]
    trace = decoded(expected.dialect, recording(name))
    assert trace.failure is None
    assert trace.token_source == "usage"
    assert _read(trace) == Expected(**{**vars(expected), "dialect": ""})


@pytest.mark.parametrize("name", NAMES)
@given(
    cuts=st.lists(st.integers(0, 10_000), max_size=40),
    newline=st.sampled_from([b"\n", b"\r\n"]),
    comments=st.booleans(),
)
def test_cutting_does_not_matter(name: str, cuts: list[int], newline: bytes, *, comments: bool) -> None:
    """Any cutting into reads, either end of line and comments give the same trace apart from stamps."""
    expected = RECORDINGS[name]
    body = recording(name)
    if comments:
        body = body.replace(b"\n\n", b"\n\n: keep-alive\n\n")
    trace = decoded(expected.dialect, body.replace(b"\n", newline), cuts)
    assert trace.failure is None
    assert _read(trace) == Expected(**{**vars(expected), "dialect": ""})
    stamps = [chunk.at for chunk in trace.chunks]
    assert stamps == sorted(stamps)
    assert trace.finished is not None
    assert trace.finished >= stamps[-1]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_cut_short_is_no_success(name: str, data: st.DataObject) -> None:
    """A stream cut before its end mark and its finish reason is a failure, and keeps what came."""
    expected, body = RECORDINGS[name], recording(name)
    end = data.draw(st.integers(1, _last_word(body)))
    trace = decoded(expected.dialect, body[:end])
    assert trace.failure
    assert trace.failure.kind == "truncated"
    assert expected.text.startswith(trace.text or "")


def _last_word(body: bytes) -> int:
    """Where the event begins that says why generation ended."""
    marks = (
        b'"finish_reason":"',
        b'"finish_reason":{',
        b'"stop":true',
        b'"stop_reason":"',
        b"response.completed",
        b"response.incomplete",
    )
    said = min(place for mark in marks if (place := body.find(mark)) >= 0)
    return body.rfind(b"\n\n", 0, said) + 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dialect", sorted({expected.dialect for expected in RECORDINGS.values()}))
def test_another_dialect_is_not_taken_for_ones_own(name: str, dialect: str) -> None:
    """A stream of another API never passes for a success."""
    own = RECORDINGS[name].dialect
    families = ({"sglang-generate", "sglang-generate-incremental"}, {"openai-chat", "openai-completions"})
    if dialect != own and not any({dialect, own} <= family for family in families):
        assert decoded(dialect, recording(name)).failure
