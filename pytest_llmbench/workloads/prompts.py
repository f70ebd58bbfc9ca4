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

__all__ = ["fit", "make_prompts"]

_SALT_WORDS = 2
_MAX_CORRECTIONS = 60
_MAX_REDRAWS = 20


def make_prompts(
    workload: Workload, count: int, *, salt: str, count_tokens: Callable[[str], int | None]
) -> list[str]:
    """Return `count` prompts, the same ones for the same workload and salt, and no two alike.

    `count_tokens` says how many tokens the server will count for a prompt, chat template included, or None if
    it cannot say; then exact lengths are approached at one token a word, and the difference shows in the
    result.

    Raises:
        UsageError: the exact length is shorter than the chat template alone.
    """
    rng = random.Random(f"{workload.id}/{workload.seed}/{salt}")  # noqa: S311 - not for secrets
    if workload.input_tokens is None:
        texts = workload.prompts
        return _distinct(count, lambda index: _salted(texts[index % len(texts)], rng))
    overhead = count_tokens("")
    wanted = workload.input_tokens
    if overhead is None:
        return _distinct(count, lambda _: " ".join(rng.choices(WORDS, k=wanted)))
    if overhead + _SALT_WORDS > wanted:
        message = (
            f"workload {workload.id}: 'in: {wanted}' is too short: the chat template alone is"
            f" {overhead} tokens here; ask for {overhead + _SALT_WORDS} or use 'endpoint: completions'"
        )
        raise UsageError(message)
    return _distinct(count, lambda _: _exact(wanted, overhead, rng, count_tokens))


def _distinct(count: int, make: Callable[[int], str]) -> list[str]:
    """Draw again what was drawn before: a prompt that is sent twice is answered from the cache."""
    prompts: list[str] = []
    drawn: set[str] = set()
    for index in range(count):
        prompt = make(index)
        for _ in range(_MAX_REDRAWS):
            if prompt not in drawn:
                break
            prompt = make(index)
        drawn.add(prompt)
        prompts.append(prompt)
    return prompts


def _salted(prompt: str, rng: random.Random) -> str:
    return f"{' '.join(rng.choices(WORDS, k=_SALT_WORDS)).capitalize()}. {prompt}"


def _exact(wanted: int, overhead: int, rng: random.Random, count_tokens: Callable[[str], int | None]) -> str:
    return fit(rng.choices(WORDS, k=wanted - overhead), wanted, overhead, rng, count_tokens)


def fit(
    words: list[str],
    wanted: int,
    overhead: int,
    rng: random.Random,
    count_tokens: Callable[[str], int | None],
    *,
    loose: int | None = None,
) -> str:
    """Correct the number of words by what a word came to so far; near the end, try other words.

    `overhead` are the tokens of no words. Words are dropped and added at the end, and only the last `loose`
    of them are changed for others. Should that not get there, as with a tokenizer that knows no word as one
    token, the closest is returned.
    """
    closest, least = words, wanted
    for _ in range(_MAX_CORRECTIONS):
        counted = count_tokens(" ".join(words))
        if counted is None:
            break
        missing = wanted - counted
        if abs(missing) < least:
            closest, least = words.copy(), abs(missing)
        if missing == 0:
            break
        more = round(missing * len(words) / max(1, counted - overhead))
        if more > 0:
            words += rng.choices(WORDS, k=more)
        elif -len(words) < more < 0:
            del words[more:]
        else:
            first = max(0, len(words) - (loose or len(words)))
            words[rng.randrange(first, len(words))] = rng.choice(WORDS)
    return " ".join(closest)
