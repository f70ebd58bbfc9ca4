"""Results of made-up evals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.evals.scores import marks_of, scores_of
from pytest_llmbench.records import EvalRecord
from tests.records import result_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.records import ResultRecord

__all__ = ["eval_result", "evaluation_of"]


def evaluation_of(passed: Mapping[str, bool | None], **changes: object) -> EvalRecord:
    """Make an eval with one score, `right`, of these prompts."""
    verdicts = {key: {"right": verdict} for key, verdict in passed.items()}
    marked, marks = marks_of(verdicts)
    fields: dict[str, Any] = {
        "name": "sums",
        "scorer": "sums 1",
        "dataset": "0" * 64,
        "prompts": len(passed),
        "asked": len(passed),
        "scores": scores_of(list(verdicts.values())),
        "marked": marked,
        "marks": marks,
        "sampling": {"temperature": 0.0, "seed": 0},
        "max_tokens": 100,
        "replies": "replies/sums.jsonl",
    }
    return EvalRecord(**{**fields, **changes})


def eval_result(passed: Mapping[str, bool | None], **changes: object) -> ResultRecord:
    """Make its result."""
    return result_of(workload="sums", concurrency=4, evaluation=evaluation_of(passed, **changes))
