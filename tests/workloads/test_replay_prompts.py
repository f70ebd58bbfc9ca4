"""Prompts of recorded requests: as long as they were, with the prefixes that they shared."""

from __future__ import annotations

import zlib
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.workloads.replay import BLOCK_TOKENS, Replay, ReplayRequest
from pytest_llmbench.workloads.replay_prompts import (
    make_replay_prompts,
    replay_workload,
    warmup_requests,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATE = 7
LONG = BLOCK_TOKENS + 86


def _tokenizer(*costs: int) -> Callable[[str], int]:
    """Make a tokenizer that gives each word one of these numbers of tokens, and a template its own."""
    return lambda text: TEMPLATE + sum(costs[zlib.crc32(w.encode()) % len(costs)] for w in text.split())


def _unknown(_: str) -> None:
    return None


def _request(tokens: int, *blocks: int) -> ReplayRequest:
    return ReplayRequest(0, tokens, 8, blocks)


def _shared(one: str, two: str) -> int:
    """Count the words that both begin with."""
    pairs = zip(one.split(), two.split(), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@given(
    sizes=st.lists(
        st.tuples(st.integers(TEMPLATE + 4, 4 * BLOCK_TOKENS), st.integers(0, 4)), min_size=1, max_size=4
    ),
    costs=st.lists(st.integers(1, 3), max_size=2).map(lambda costs: [1, 2, *costs]),
)
def test_exact_length_of_each(sizes: list[tuple[int, int]], costs: list[int]) -> None:
    """Every prompt has exactly the recorded tokens, its template included, with blocks and without."""
    count = _tokenizer(*costs)
    requests = [_request(size, *range(min(blocks, -(-size // BLOCK_TOKENS)))) for size, blocks in sizes]
    texts = make_replay_prompts(requests, salt="s", count_tokens=count)
    assert [count(text) for text in texts] == [size for size, _ in sizes]


@pytest.mark.parametrize("costs", [(1,), (1, 2), (1, 2, 3)])
def test_equal_blocks_are_equal_text(costs: tuple[int, ...]) -> None:
    """Prompts are the same for as long as their blocks are, and no longer."""
    count = _tokenizer(*costs)
    requests = [
        _request(3 * BLOCK_TOKENS + 50, 1, 2, 3),
        _request(3 * BLOCK_TOKENS + 90, 1, 2, 4),
        _request(2 * BLOCK_TOKENS, 1, 2),
        _request(3 * BLOCK_TOKENS, 5, 2, 3),
    ]
    one, two, short, other = make_replay_prompts(requests, salt="s", count_tokens=count)
    words = 2 * BLOCK_TOKENS * 2 / (min(costs) + max(costs))
    assert _shared(one, two) == pytest.approx(words, rel=0.1)
    assert _shared(one, short) > len(short.split()) - 10, "all but what makes it exact"
    assert _shared(one, other) == 0


def test_the_same_again() -> None:
    """A prompt recorded twice is sent twice; without blocks, no two are alike."""
    count = _tokenizer(1, 2)
    twice = make_replay_prompts([_request(2 * BLOCK_TOKENS + 22, 1, 2, 3)] * 2, salt="s", count_tokens=count)
    assert twice[0] == twice[1]
    assert twice == make_replay_prompts(
        [_request(2 * BLOCK_TOKENS + 22, 1, 2, 3)] * 2, salt="s", count_tokens=count
    )
    once = make_replay_prompts([_request(150)] * 2, salt="s", count_tokens=count)
    assert _shared(*once) < 3


def test_another_salt_shares_nothing() -> None:
    """Another run is not answered from this one's cache."""
    texts = [
        make_replay_prompts([_request(LONG, 1, 2)], salt=salt, count_tokens=_unknown)[0]
        for salt in ("a", "b")
    ]
    assert _shared(*texts) < 3


def test_server_that_cannot_count() -> None:
    """Without a way to count, a prompt has as many words as tokens were recorded."""
    texts = make_replay_prompts([_request(LONG, 1, 2), _request(3)], salt="s", count_tokens=_unknown)
    assert [len(text.split()) for text in texts] == [LONG, 3]


def test_server_that_stops_counting() -> None:
    """What there is by then is sent."""
    answers = iter([TEMPLATE])
    texts = make_replay_prompts([_request(50)], salt="s", count_tokens=lambda _: next(answers, None))
    assert len(texts[0].split()) == 50 - TEMPLATE


def test_shorter_than_the_template() -> None:
    """A request that cannot be as short as recorded is as short as can be."""
    (text,) = make_replay_prompts([_request(3)], salt="s", count_tokens=_tokenizer(1))
    assert len(text.split()) == 1


def test_warmup_shares_nothing() -> None:
    """It is as long as the beginning, begins anew where that is short, and has no blocks."""
    replay = Replay("t.jsonl", "llmbench", 1.0, (_request(LONG, 1, 2), _request(9)))
    assert [(r.input_tokens, r.blocks) for r in warmup_requests(replay, 3)] == [
        (LONG, ()),
        (9, ()),
        (LONG, ()),
    ]
    assert make_replay_prompts([], salt="s", count_tokens=_unknown) == []


def test_workload_for_the_record() -> None:
    """It is named after the file, and asks for as much as the largest request."""
    replay = Replay(
        "traces/my trace.jsonl", "llmbench", 1.0, (_request(150), ReplayRequest(5, 10, 99), _request(9))
    )
    workload = replay_workload(replay)
    assert (workload.id, workload.input_tokens, workload.output_tokens) == ("my-trace", None, 99)
