"""What came of an eval, for the author of a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_llmbench.counting import counted
from pytest_llmbench.errors import StatisticsError, UsageError, nearest
from pytest_llmbench.evals.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmbench.client.trace import Failure
    from pytest_llmbench.evals.asking import Sampling
    from pytest_llmbench.evals.base import Eval, Verdict
    from pytest_llmbench.evals.checks import TemplateCheck
    from pytest_llmbench.evals.replies import Reply
    from pytest_llmbench.records import ScoreRecord
    from pytest_llmbench.result import BenchResult

__all__ = ["EvalResult"]


@dataclass(frozen=True)
class EvalResult:
    """Scores by name: `result["strict"]` is a share from 0 to 1.

    Attributes:
        speed: the same requests as a benchmark: `result.speed.throughput_output.mean`.
        replies: one a prompt that was answered, in the order of the data.
        dataset: SHA-256 of rows and prompts.
        prompts, asked: rows of the data, and those that were asked.
        failures: of the prompts without a reply.
        journal: the file that holds all replies.
    """

    speed: BenchResult
    eval: Eval
    dataset: str
    prompts: int
    asked: int
    replies: tuple[Reply, ...] = field(repr=False)
    sampling: Sampling
    max_tokens: int
    subset_seed: int | None
    failures: tuple[Failure, ...]
    retried: int
    repeated: int
    same: int
    template: TemplateCheck
    journal: Path

    @property
    def cell(self) -> str:
        """What is compared with what."""
        return self.speed.cell

    @cached_property
    def verdicts(self) -> Mapping[str, Mapping[str, Verdict]]:
        """Key of the prompt to score name to verdict, of every prompt that was answered."""
        return {reply.key: self.eval.score(reply.row, reply.answer) for reply in self.replies}

    @cached_property
    def scores(self) -> Mapping[str, ScoreRecord]:
        """Score name to what passed, of how many, with its 95 % interval."""
        return scores_of(list(self.verdicts.values()))

    def __getitem__(self, name: str) -> float:
        """Return a score.

        Raises:
            UsageError: the eval has none of that name.
            StatisticsError: nothing could be scored.
        """
        if name not in self.scores:
            message = f"{self.eval.name} has no score {name!r}: {nearest(name, self.scores)}"
            raise UsageError(message)
        mean = self.scores[name].mean
        if mean is None:
            message = f"{self.eval.name}.{name}: none of {counted(self.asked, 'prompt')} could be scored"
            raise StatisticsError(message)
        return mean
