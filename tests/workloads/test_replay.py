"""Recorded requests: what their prompts are made of, and sending only a part of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.errors import UsageError
from pytest_llmbench.workloads.replay import BLOCK_TOKENS, Replay, ReplayRequest


@given(st.integers(1, 100_000), st.lists(st.integers(), max_size=250))
def test_parts_make_up_the_prompt(tokens: int, blocks: list[int]) -> None:
    """Parts add up to the prompt, keep the order of the blocks, and only the last may be short."""
    blocks = blocks[: -(-tokens // BLOCK_TOKENS)]
    parts = ReplayRequest(0, tokens, 1, tuple(blocks)).parts
    assert sum(length for _, length in parts) == tokens
    assert [block for block, _ in parts if block is not None] == blocks
    assert all(length == BLOCK_TOKENS for block, length in parts[:-1] if block is not None)
    assert all(length > 0 for _, length in parts)


def test_part_of_a_replay() -> None:
    """The first so many requests, those due before a time, or both."""
    requests = tuple(ReplayRequest(second * 1_000_000_000, 5, 5) for second in range(4))
    replay = Replay("a.jsonl", "llmbench", 1.0, requests)
    assert replay.first() == replay
    assert replay.first(count=2).requests == requests[:2]
    assert replay.first(count=9).requests == requests
    assert replay.first(seconds=2.0).requests == requests[:2]
    assert replay.first(count=1, seconds=9).arrivals.parameters["count"] == 1
    with pytest.raises(UsageError, match="the limit of a replay must be at least 1, not 0"):
        replay.first(count=0)
