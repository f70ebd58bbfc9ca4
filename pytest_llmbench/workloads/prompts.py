"""Prompts of a workload: salted texts, or words drawn until the length is exact.

Every prompt starts with words of its own, drawn from a salt. Without them a second run would be answered
from the prefix cache of the first, and the time to first token would be that of a cache.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.spec.workload import Workload

__all__ = ["make_prompts"]

_SALT_WORDS = 2
_MAX_CORRECTIONS = 60


def make_prompts(
    workload: Workload, count: int, *, salt: str, count_tokens: Callable[[str], int | None]
) -> list[str]:
    """Return `count` prompts, the same ones for the same workload and salt.

    `count_tokens` says how many tokens the server will count for a prompt, chat template included, or None if
    it cannot say; then exact lengths are approached at one token a word, and the difference shows in the
    result.

    Raises:
        UsageError: the exact length is shorter than the chat template alone.
    """
    rng = random.Random(f"{workload.id}/{workload.seed}/{salt}")  # noqa: S311 - not for secrets
    if workload.input_tokens is None:
        return [_salted(workload.prompts[index % len(workload.prompts)], rng) for index in range(count)]
    overhead = count_tokens("")
    if overhead is None:
        return [" ".join(rng.choices(WORDS, k=workload.input_tokens)) for _ in range(count)]
    if overhead + _SALT_WORDS > workload.input_tokens:
        message = (
            f"workload {workload.id}: 'in: {workload.input_tokens}' is too short: the chat template alone is"
            f" {overhead} tokens here; ask for {overhead + _SALT_WORDS} or use 'endpoint: completions'"
        )
        raise UsageError(message)
    return [_exact(workload.input_tokens, overhead, rng, count_tokens) for _ in range(count)]


def _salted(prompt: str, rng: random.Random) -> str:
    return f"{' '.join(rng.choices(WORDS, k=_SALT_WORDS)).capitalize()}. {prompt}"


def _exact(wanted: int, overhead: int, rng: random.Random, count_tokens: Callable[[str], int | None]) -> str:
    """Add words while tokens are missing and take them away while there are too many.

    Words come to one token or a few, so the missing number of words never falls short by more than it adds,
    and the next correction is smaller; near the end other words are tried until the last one fits.
    """
    words = rng.choices(WORDS, k=wanted - overhead)
    for _ in range(_MAX_CORRECTIONS):
        missing = wanted - (count_tokens(" ".join(words)) or 0)
        if missing == 0:
            break
        if missing > 0:
            words += rng.choices(WORDS, k=missing)
        else:
            del words[max(1, len(words) + min(missing // 2, -1)) :]
    return " ".join(words)
