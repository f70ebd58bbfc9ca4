"""An eval in the words of one server's API: which requests, and what a trace means as a reply."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_llmbench.client.dialects import DIALECTS, Ask
from pytest_llmbench.errors import UsageError
from pytest_llmbench.evals.base import digest_of, key_of
from pytest_llmbench.evals.replies import Reply
from pytest_llmbench.evals.thinking import split_thinking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.backends.base import Api
    from pytest_llmbench.client.trace import RequestTrace
    from pytest_llmbench.evals.base import Eval, Row
    from pytest_llmbench.evals.data import EvalData
    from pytest_llmbench.records import Scalar

__all__ = ["Prompt", "Sampling", "bodies", "choose", "digest_of_prompts", "prompts_of", "reply_of"]

_EXACT = "ignore_eos"


@dataclass(frozen=True, slots=True)
class Sampling:
    """What stands in every request. `others` are further fields, in the API's own words."""

    temperature: float = 0.0
    seed: int = 0
    others: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def greedy(self) -> bool:
        """The likeliest token is always taken."""
        return self.temperature == 0

    @property
    def record(self) -> dict[str, Scalar]:
        """All of it."""
        return {"temperature": self.temperature, "seed": self.seed, **self.others}


@dataclass(frozen=True, slots=True)
class Prompt:
    """One row, and what the model is asked."""

    key: str
    text: str
    row: Row


def prompts_of(eval_: Eval, data: EvalData) -> list[Prompt]:
    """Make all prompts of an eval, in the order of its data.

    Raises:
        Unavailable, UsageError, StorageError: the data cannot be had.
        UsageError: two rows have the same key.
    """
    rows = eval_.rows(data)
    prompts = [Prompt(key_of(row, place), eval_.prompt(row), row) for place, row in enumerate(rows)]
    ((key, count),) = Counter(prompt.key for prompt in prompts).most_common(1) or [("", 0)]
    if count > 1:
        message = f"{eval_.name}: {count} rows have the key {key!r}; a key names one row"
        raise UsageError(message)
    return prompts


def choose(prompts: Sequence[Prompt], limit: int | None, seed: int) -> list[Prompt]:
    """Draw a subset, the same for the same seed, in the order of the data; all without a limit."""
    if limit is None or limit >= len(prompts):
        return list(prompts)
    drawn = random.Random(seed).sample(range(len(prompts)), limit)  # noqa: S311 - no secret
    return [prompts[place] for place in sorted(drawn)]


def digest_of_prompts(prompts: Sequence[Prompt]) -> str:
    """Return the SHA-256 of rows and prompts."""
    return digest_of([[prompt.key, prompt.text, prompt.row] for prompt in prompts])


def bodies(
    texts: Sequence[str], api: Api, *, model: str, max_tokens: int, sampling: Sampling, stop: Sequence[str]
) -> tuple[bytes, ...]:
    """Write the requests. Other than a benchmark's, they let a reply end where the model ends it."""
    extras = {**_without_exact(api.extras), **sampling.others, **({"stop": list(stop)} if stop else {})}
    dialect = DIALECTS[api.dialect]
    asks = (Ask(text, max_tokens, sampling.temperature, sampling.seed) for text in texts)
    return tuple(json.dumps(dialect.body(ask, model=model, extras=extras)).encode() for ask in asks)


def _without_exact(extras: Mapping[str, object]) -> dict[str, Any]:
    return {
        name: _without_exact(value) if isinstance(value, dict) else value
        for name, value in extras.items()
        if name != _EXACT
    }


def reply_of(prompt: Prompt, trace: RequestTrace) -> Reply:
    """Take the reply out of a trace that succeeded, and its thinking out of the reply."""
    text, answer = trace.text or "", trace.answer or ""
    apart = text.removesuffix(answer) if text.endswith(answer) else text
    thinking, answer = split_thinking(answer)
    return Reply(
        key=prompt.key,
        prompt=prompt.text,
        row=dict(prompt.row),
        answer=answer,
        thinking=apart + thinking,
        finish=trace.finish_reason,
        prompt_tokens=trace.prompt_tokens,
        output_tokens=trace.output_tokens,
    )
