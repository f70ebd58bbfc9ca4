"""Mistakes that other load generators made with streams, by the issue that tells of each."""

from __future__ import annotations

import pytest

from pytest_llmbench.metrics.requests import chunk_tokens, request_values
from tests.client.dialects.streams import decoded, named, trace_of

NS = 1e-9
READ = 10 * NS
"""Documents come one in a read, this much (s) after the other, the first so long after the start."""


def _said(text: str | None, tokens: int | None = None, **delta: object) -> dict[str, object]:
    document: dict[str, object] = {"choices": [{"delta": {"content": text, **delta}}]}
    if tokens is not None:
        document["usage"] = {"prompt_tokens": 5, "completion_tokens": tokens}
    return document


END = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("first", [_said("", role="assistant"), _said(None, role="assistant")])
def test_role_is_no_first_token(first: dict[str, object]) -> None:
    """The chunk that names the role ends no TTFT (vllm#3759, vllm#15106)."""
    trace = trace_of("openai-chat", first, _said("a"), END)
    assert request_values(trace)["ttft"] == [pytest.approx(2 * READ)]


def test_start_of_a_message_is_no_first_token() -> None:
    """Nor do the events before the first text of Anthropic's and OpenAI's newer APIs."""
    start = named("message_start", message={"model": "m"}) + named("ping")
    text = named("content_block_delta", delta={"type": "text_delta", "text": "a"})
    trace = decoded("anthropic-messages", start + text + named("message_stop"), [len(start)])
    assert request_values(trace)["ttft"] == [pytest.approx(2 * READ)]
    start = named("response.created", response={"model": "m"}) + named("response.in_progress")
    text = named("response.output_text.delta", delta="a")
    end = named("response.completed", response={"status": "completed"})
    trace = decoded("openai-responses", start + text + end, [len(start)])
    assert request_values(trace)["ttft"] == [pytest.approx(2 * READ)]


def test_reasoning_is_first_output() -> None:
    """TTFT ends with the first reasoning, not the first answer (guidellm#737, inference-perf#559)."""
    trace = trace_of("openai-chat", _said(None, reasoning_content="hm"), _said("a"), END)
    assert (trace.text, trace.answer) == ("hma", "a")
    values = request_values(trace)
    assert values["ttft"] == [pytest.approx(READ)]
    assert values["ttft_answer"] == [pytest.approx(2 * READ)]


def test_chunk_of_several_tokens() -> None:
    """A chunk of k tokens has k gaps of a k-th each (vllm#27485, vllm#42661, sglang PR#12064)."""
    trace = trace_of("openai-chat", _said("a", 1), _said("b c d e", 5), _said("f", 6), END)
    assert chunk_tokens(trace) == [1, 4, 1]
    assert request_values(trace)["itl"] == pytest.approx([READ / 4] * 4 + [READ])
    assert request_values(trace)["tpot"] == [pytest.approx(2 * READ / 5)]


def test_chunks_are_not_tokens() -> None:
    """Without counts of each chunk there is no ITL, though the total is known (sglang PR#33193)."""
    usage = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9}}
    trace = trace_of("openai-chat", _said("a b"), _said("c d e"), END, usage)
    values = request_values(trace)
    assert "itl" not in values
    assert values["output_tokens"] == [9]
    assert values["chunk_gap"] == [pytest.approx(READ)]


def test_whole_reply_in_every_event_is_no_multiple_of_tokens() -> None:
    """What an event repeats is no output of its (sglang's `/generate`)."""
    events = [{"text": "a" * n, "meta_info": {"completion_tokens": n}} for n in (1, 2, 2, 3)]
    events[-1]["meta_info"] = {"completion_tokens": 3, "finish_reason": {"type": "length"}}
    trace = trace_of("sglang-generate", *events)
    assert chunk_tokens(trace) == [1, 1, 1]
    assert [chunk.at for chunk in trace.chunks] == [10, 20, 40]


def test_error_with_status_200_is_no_success() -> None:
    """An error inside the stream fails the request, whatever came before (inference-perf#713)."""
    assert not trace_of("openai-chat", _said("a"), {"error": {"message": "out of memory"}}, END).ok


def test_answer_without_output_is_no_success() -> None:
    """A stream of nothing but formalities fails the request."""
    trace = trace_of("openai-chat", _said("", role="assistant"), END)
    assert trace.failure
    assert trace.failure.kind == "no_output"
