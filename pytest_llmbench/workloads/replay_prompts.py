"""Prompts for recorded requests: as long as they were, and sharing the prefixes that they shared.

The words of a block are drawn from the salt and the block's id alone, so that equal blocks are equal text;
what no block stands for is drawn anew for every request. How many words a block of 512 tokens takes is found
out once for all blocks, so a block may be a few tokens more or less: a prompt is made exact at its end, where
nothing is shared.
"""

from __future__ import annotations

import random
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_llmbench.models.words import WORDS
from pytest_llmbench.spec.workload import Workload
from pytest_llmbench.workloads.prompts import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_llmbench.workloads.replay import Replay, ReplayRequest

__all__ = ["make_replay_prompts", "replay_workload", "warmup_requests"]

_SAMPLE_WORDS = 1000
_LOOSE_WORDS = 8  # of the end of a prompt, if other words are tried to make it exact
_BLOCKS_KEPT = 4096


def replay_workload(replay: Replay) -> Workload:
    """Describe a replay as a workload, for the record; its prompts are `make_replay_prompts`'.

    Its output tokens are the largest of any request.
    """
    return Workload.model_validate(
        {
            "id": replay.name,
            "description": f"recorded in {replay.arrivals.parameters['file']}",
            "prompts": ("as recorded",),
            "out": max(request.output_tokens for request in replay.requests),
        }
    )


def warmup_requests(replay: Replay, count: int) -> list[ReplayRequest]:
    """Return requests as long as the first recorded ones, but sharing nothing with any."""
    recorded = replay.requests
    return [
        type(request)(0, request.input_tokens, request.output_tokens)
        for request in (recorded[index % len(recorded)] for index in range(count))
    ]


def make_replay_prompts(
    requests: Sequence[ReplayRequest], *, salt: str, count_tokens: Callable[[str], int | None]
) -> list[str]:
    """Return one prompt a request, the same ones for the same salt.

    `count_tokens` says how many tokens the server will count for a prompt, chat template included, or None if
    it cannot say; then lengths are approached at one token a word, and the difference shows in the result.
    A request of fewer tokens than the template alone gets a prompt of one word.
    """
    overhead = count_tokens("") if requests else None
    writer = _Writer(salt, _words_a_token(salt, overhead, count_tokens))
    prompts = []
    for index, request in enumerate(requests):
        words, rng = writer.words(request, index)
        if overhead is None:
            prompts.append(" ".join(words))
        else:
            del words[max(1, round((request.input_tokens - overhead) * writer.words_a_token)) :]
            wanted = max(request.input_tokens, overhead + 1)
            prompts.append(fit(words, wanted, overhead, rng, count_tokens, loose=_LOOSE_WORDS))
    return prompts


def _words_a_token(salt: str, overhead: int | None, count_tokens: Callable[[str], int | None]) -> float:
    if overhead is None:
        return 1.0
    sample = random.Random(f"{salt}/sample").choices(WORDS, k=_SAMPLE_WORDS)  # noqa: S311 - not for secrets
    counted = count_tokens(" ".join(sample))
    return 1.0 if counted is None else _SAMPLE_WORDS / max(1, counted - overhead)


class _Writer:
    """Draws the words of blocks and of what is between them and the end."""

    def __init__(self, salt: str, words_a_token: float) -> None:
        self._salt, self.words_a_token = salt, words_a_token
        self._block = lru_cache(_BLOCKS_KEPT)(self._draw)

    def words(self, request: ReplayRequest, index: int) -> tuple[list[str], random.Random]:
        """Return the words of a request, and where more of its last part can be drawn from."""
        words: list[str] = []
        last = ""
        for block, tokens in request.parts:
            last = f"request {index}" if block is None else f"block {block}"
            draw = self._draw if block is None else self._block
            words += draw(last, max(1, round(tokens * self.words_a_token)))
        # Those with all the same go on in the same way.
        return words, random.Random(f"{self._salt}/{last}/{request.input_tokens}")  # noqa: S311

    def _draw(self, name: str, count: int) -> list[str]:
        return random.Random(f"{self._salt}/{name}").choices(WORDS, k=count)  # noqa: S311
