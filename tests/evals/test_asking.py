from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.client.trace import RequestTrace
from pytest_llmbench.errors import UsageError
from pytest_llmbench.evals.asking import Prompt, Sampling, bodies, digest_of_prompts, prompts_of, reply_of
from pytest_llmbench.evals.data import EvalData
from tests.evals.sums import Sums

if TYPE_CHECKING:
    from pytest_llmbench.evals.base import Row


def _body(backend: str, sampling: Sampling, stop: tuple[str, ...] = ()) -> dict[str, object]:
    api = BACKENDS[backend].api("chat", {})
    (body,) = bodies(["Hi"], api, model="m", max_tokens=7, sampling=sampling, stop=stop)
    found: dict[str, object] = json.loads(body)
    return found


def test_a_reply_ends_where_the_model_ends_it() -> None:
    """What makes a benchmark's replies equally long is left out, what counts tokens is not."""
    for backend in ("llama", "vllm", "sglang", "trtllm", "openai"):
        body = _body(backend, Sampling())
        assert "ignore_eos" not in body
        assert (body["max_tokens"], body["temperature"], body["seed"]) == (7, 0.0, 0)
        assert "stop" not in body
    options = _body("vllm", Sampling())["stream_options"]
    assert options == {"include_usage": True, "continuous_usage_stats": True}


def test_sampling_and_stops_stand_in_every_request() -> None:
    """In the words of the API."""
    body = _body("vllm", Sampling(0.6, 5, {"top_p": 0.95}), ("Q:",))
    assert (body["temperature"], body["seed"], body["top_p"], body["stop"]) == (0.6, 5, 0.95, ["Q:"])
    assert not Sampling(0.6).greedy


def test_a_key_names_one_row() -> None:
    """Else a reply would be that of another prompt."""

    class Twice(Sums):
        def rows(self, data: EvalData) -> list[Row]:
            return [*super().rows(data), {"key": "s1", "left": 1, "right": 1}]

    assert len(prompts_of(Sums(), EvalData())) == 12
    assert prompts_of(Sums(0), EvalData()) == []
    with pytest.raises(UsageError, match="sums: 2 rows have the key 's1'; a key names one row"):
        prompts_of(Twice(), EvalData())


def test_thinking_in_front_of_an_answer_is_told_apart() -> None:
    """That of the server, and then that in tags."""
    trace = RequestTrace(0, text="hm <think>more</think>yes", answer="<think>more</think>yes")
    reply = reply_of(Prompt("1", "?", {"key": 1}), trace)
    assert (reply.thinking, reply.answer) == ("hm more", "yes")
    nothing = reply_of(Prompt("1", "?", {}), RequestTrace(0, text="only thoughts", answer=""))
    assert (nothing.thinking, nothing.answer) == ("only thoughts", "")


def test_the_digest_does_not_see_nulls_and_the_order_of_keys() -> None:
    """Two copies of a data set that say the same are the same."""
    one = [Prompt("1", "a", {"x": 1, "kwargs": [{"n": None}]})]
    two = [Prompt("1", "a", {"kwargs": [{}], "x": 1})]
    other = [Prompt("1", "b", {"kwargs": [{}], "x": 1})]
    assert digest_of_prompts(one) == digest_of_prompts(two) != digest_of_prompts(other)
