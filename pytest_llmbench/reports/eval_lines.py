"""What evals came to, and how that compares with the baseline, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.counting import counted
from pytest_llmbench.reports.eval_wording import below_floor, discordant_lines, paired_text, score_text
from pytest_llmbench.reports.lines import Line, capped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmbench.records import EvalRecord, ResultRecord
    from pytest_llmbench.reports.lines import Names

__all__ = ["eval_lines"]


def eval_lines(results: Iterable[ResultRecord], names: Names) -> list[Line]:
    """Say of each eval its scores with their 95 % intervals, broken floors, and what a comparison found."""
    lines: list[Line] = []
    for result in results:
        if result.evaluation is not None:
            lines += _of_one(result, result.evaluation, names)
    return lines


def _of_one(result: ResultRecord, evaluation: EvalRecord, names: Names) -> Iterator[Line]:
    where = f"{result.deployment.id} " * names.several + f"{evaluation.name} {result.load.id}"
    where += f" r{result.replicate:02d}" * (result.replicate > 1)
    scores = ", ".join(f"{name} {score_text(score)}" for name, score in evaluation.scores.items())
    yield Line("eval", "none", f"{where}, {counted(evaluation.asked, 'prompt')}: {scores}")
    for text in below_floor(evaluation):
        yield Line("", "none", text)
    verdict = result.verdict
    if verdict.baseline is None:
        return
    told = [paired_text(pair) for pair in verdict.paired] or [verdict.message]
    yield Line(f"eval {verdict.verdict}", verdict.verdict, f"{where}: {'; '.join(told)}")
    changed = [text for pair in verdict.paired for text in discordant_lines(pair)]
    yield from capped([Line("", "none", text) for text in changed], "scores")
    if verdict.paired and verdict.treatment:
        yield Line("", "none", f"differs: {'; '.join(verdict.treatment)}")
