from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import MeasurementError, StatisticsError, UsageError
from pytest_llmbench.evals.asking import Sampling
from pytest_llmbench.evals.conversation import Conversation
from pytest_llmbench.evals.outcome import EvalResult
from pytest_llmbench.evals.replies import read_replies
from pytest_llmbench.evals.running import EvalPlan
from tests.evals.sums import Sums, answering, run, said

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.fake_server import Peer

__all__ = ["Conversation", "EvalResult"]


def _sum(prompt: str) -> str:
    left, _, right, *_ = prompt.split()
    return str(int(left) + int(right))


def _right(peer: Peer, prompt: str, _number: int) -> None:
    peer.send(said(_sum(prompt)))


def test_scores_what_is_answered(tmp_path: Path) -> None:
    """Every prompt, with the speed of a benchmark beside it; what could not be told counts for nothing."""
    with answering(_right) as server:
        result = run(server.url, tmp_path / "r.jsonl")
    assert (result["right"], result["told"], result["parts"]) == (1, 1, 1)
    assert (result.scores["told"].scored, result.scores["told"].unscored) == (11, 1)
    assert result.scores["parts"].scored == 24
    assert (result.asked, result.prompts, len(result.replies)) == (12, 12, 12)
    assert (result.repeated, result.same) == (4, 4)
    assert result.cell == "m.openai.tp01.gpux00/sums/c003"
    assert len(result.speed.runs[0].traces) == 16
    assert result.speed.output_tokens.mean == 3
    with pytest.raises(UsageError, match="sums has no score 'rigth': did you mean 'right'"):
        _ = result["rigth"]


def test_thinking_is_kept_and_not_scored(tmp_path: Path) -> None:
    """Whether the server takes it apart or the model writes tags."""

    def think(peer: Peer, prompt: str, _number: int) -> None:
        if prompt.startswith("0"):
            peer.send(said(_sum(prompt), reasoning="so it is 7"))
        else:
            peer.send(said(f"<think>7?</think>\n{_sum(prompt)}"))

    with answering(think) as server:
        result = run(server.url, tmp_path / "r.jsonl", eval_=Sums(2))
    assert result["right"] == 1
    assert [reply.thinking for reply in result.replies] == ["so it is 7", "7?"]
    assert [reply.answer for reply in result.replies] == ["1", "2"]


def test_only_what_the_connection_lost_is_asked_again(tmp_path: Path) -> None:
    """A refusal is an answer, and leaves its prompt without a reply."""

    def lose(peer: Peer, prompt: str, number: int) -> None:
        if prompt.startswith("1 ") and number == 1:
            peer.send(said("nonsense")[:180])
            peer.reset()
        elif prompt.startswith("2 "):
            peer.send(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")
        else:
            peer.send(said(_sum(prompt)))

    with answering(lose) as server:
        result = run(server.url, tmp_path / "r.jsonl", plan=EvalPlan(2, 0, sampling=Sampling(temperature=1)))
    assert result.retried == 1
    assert [reply.key for reply in result.replies] == [f"s{n}" for n in range(12) if n != 2]
    assert [failure.status for failure in result.failures] == [400]
    assert result["right"] == 1
    assert result.repeated == 0, "with sampling there is nothing to compare"


def test_notices_a_server_that_answers_otherwise_the_second_time(tmp_path: Path) -> None:
    """The first reply counts."""

    def waver(peer: Peer, prompt: str, number: int) -> None:
        peer.send(said(_sum(prompt) if number == 1 or not prompt.startswith("0") else "?"))

    with answering(waver) as server:
        result = run(server.url, tmp_path / "r.jsonl")
    assert (result.repeated, result.same, result["right"]) == (4, 3, 1)


def test_resumes_what_was_interrupted(tmp_path: Path) -> None:
    """What there is a reply to is not asked again, and the new file holds them all."""
    asked = []

    def note(peer: Peer, prompt: str, _number: int) -> None:
        asked.append(prompt)
        peer.send(said(_sum(prompt)))

    with answering(note) as server:
        whole = run(server.url, tmp_path / "a.jsonl")
        first = len(asked)
        again = run(server.url, tmp_path / "b.jsonl", earlier=whole.replies[:9])
        all_of_it = run(server.url, tmp_path / "c.jsonl", earlier=whole.replies)
    assert (first, again.asked, len(again.replies)) == (16, 12, 12)
    assert [reply.resumed for reply in again.replies] == [True] * 9 + [False] * 3
    assert sorted(asked[16:22]) == sorted([f"{n} + 1 = ?" for n in (9, 10, 11)] * 2)
    assert sum(reply.resumed for reply in all_of_it.replies) == 11, "one is left to be measured"
    file = read_replies(tmp_path / "b.jsonl")
    assert file.complete
    assert file.head.digest == read_replies(tmp_path / "a.jsonl").head.digest
    assert sorted(reply.key for reply in file.replies) == sorted(reply.key for reply in whole.replies)


def test_a_subset_is_drawn_by_the_seed(tmp_path: Path) -> None:
    """The same for the same seed, in the order of the data, and part of the same whole."""
    with answering(_right) as server:
        results = [
            run(
                server.url,
                tmp_path / f"{place}.jsonl",
                plan=EvalPlan(2, 0, limit=5, sampling=Sampling(seed=seed)),
            )
            for place, seed in enumerate((0, 0, 1))
        ]
    keys = [[reply.key for reply in result.replies] for result in results]
    assert keys[0] == keys[1] != keys[2]
    assert keys[0] == sorted(keys[0], key=lambda key: int(key[1:]))
    assert [(result.asked, result.prompts, result.subset_seed) for result in results] == [
        (5, 12, 0),
        (5, 12, 0),
        (5, 12, 1),
    ]
    assert len({result.dataset for result in results}) == 1


def test_truncated_replies_are_told_apart(tmp_path: Path) -> None:
    """By the server's word for it."""
    with answering(lambda peer, prompt, _: peer.send(said(_sum(prompt), finish="length"))) as server:
        result = run(server.url, tmp_path / "r.jsonl", eval_=Sums(3))
    assert all(reply.truncated for reply in result.replies)
    lines = (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[1])["finish"] == "length"


def test_nothing_to_ask_and_nothing_to_score(tmp_path: Path) -> None:
    """Both are told as what they are."""
    with answering(_right) as server:
        with pytest.raises(MeasurementError, match="sums has no prompts"):
            run(server.url, tmp_path / "r.jsonl", eval_=Sums(0))
        result = run(server.url, tmp_path / "r.jsonl", eval_=Sums(1))
    with pytest.raises(StatisticsError, match=r"sums\.told: none of 1 prompt could be scored"):
        _ = result["told"]
