"""Scoring the replies of an earlier session again; nothing is asked."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.evals import EVALS
from pytest_llmbench.evals.scores import marks_of, scores_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.evals.base import Eval
    from pytest_llmbench.evals.replies import Replies, RepliesHead
    from pytest_llmbench.records import EvalRecord, ScoreRecord

__all__ = ["Rescored", "eval_of", "load_eval", "rescore"]


@dataclass(frozen=True, slots=True)
class Rescored:
    """What came of it: scores, and each prompt's marks as in `EvalRecord`."""

    scorer: str
    scores: Mapping[str, ScoreRecord]
    marked: tuple[str, ...]
    marks: Mapping[str, str]

    def changed(self, before: EvalRecord) -> list[str]:
        """Name the prompts that got another verdict than before."""
        return [
            key
            for key, marks in self.marks.items()
            if (before.marked, before.marks.get(key)) != (self.marked, marks)
        ]

    def applied(self, before: EvalRecord) -> EvalRecord:
        """Put these verdicts in the place of the earlier ones."""
        return before.model_copy(
            update={
                "scorer": self.scorer,
                "scores": dict(self.scores),
                "marked": self.marked,
                "marks": dict(self.marks),
            }
        )


def rescore(replies: Replies, eval_: Eval) -> Rescored:
    """Score every reply with the rows that lie beside it."""
    verdicts = {reply.key: eval_.score(reply.row, reply.answer) for reply in replies.replies}
    marked, marks = marks_of(verdicts)
    return Rescored(eval_.scorer, scores_of(list(verdicts.values())), marked, marks)


def eval_of(head: RepliesHead) -> Eval:
    """Find the eval that replies are of, among those of this package.

    Raises:
        UsageError: it is none of them.
    """
    if head.name not in EVALS or not head.eval.startswith("pytest_llmbench."):
        place = f"{head.name} is an eval of your own ({head.eval})"
        message = f"{place}: say where it is with --eval FILE.py:CLASS"
        raise UsageError(message)
    return EVALS[head.name]()


def load_eval(place: str) -> Eval:
    """Load an eval from `FILE.py:CLASS`.

    Raises:
        UsageError: there is no such file, or no such class in it.
    """
    name, _, kind = place.rpartition(":")
    path = Path(name)
    if not name or not path.is_file():
        message = f"--eval: expected FILE.py:CLASS, and there is no file {name or place!r}"
        raise UsageError(message)
    spec = importlib.util.spec_from_file_location(f"_llmbench_{path.stem}", path)
    if spec is None or spec.loader is None:
        message = f"--eval: {path} is no Python file"
        raise UsageError(message)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Any] = {key: value for key, value in vars(module).items() if isinstance(value, type)}
    if kind not in found:
        message = f"--eval: {path} has no class {kind!r}: {nearest(kind, found)}"
        raise UsageError(message)
    made: Eval = found[kind]()
    return made
