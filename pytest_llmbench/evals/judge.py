"""Whether an eval got worse than its baseline: paired by prompt, and absolute floors. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.baselines.comparability import changes, treatment_of
from pytest_llmbench.evals.paired import compare, detectable
from pytest_llmbench.records import PairedRecord, VerdictRecord
from pytest_llmbench.reports.eval_wording import below_floor, paired_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.baselines.comparability import Treatment
    from pytest_llmbench.baselines.model import Baseline
    from pytest_llmbench.evals.paired import Pairing
    from pytest_llmbench.records import EnvironmentRecord, EvalRecord, ResultRecord, VerdictName

__all__ = ["ALPHA", "LIMIT", "judge_evaluation", "judge_pairs", "judge_stored", "verdict_of"]

ALPHA = 0.05
"""Of one build: the chance that any of its evals is called worse while none is."""

LIMIT = 0.01
"""The smallest loss that matters: one prompt in a hundred."""

_PASSED = "+"
_MUST_AGREE = ("scorer", "dataset", "sampling", "max_tokens", "settings")


def judge_evaluation(
    result: ResultRecord,
    baseline: Baseline | None,
    environment: EnvironmentRecord,
    *,
    evals: int = 1,
) -> VerdictRecord:
    """Judge one eval of `evals` in the session.

    A broken floor is `regressed` whatever the baseline says. Compared with is the newest session of the
    baseline; what differs in how the eval was made (data, sampling, scorer) refuses to compare.
    """
    evaluation = result.evaluation
    if evaluation is None:
        message = f"{result.cell} is no eval"
        raise ValueError(message)
    treatment = treatment_of(result, environment)
    return judge_stored(result.cell, evaluation, treatment, baseline, evals=evals)


def judge_stored(
    cell: str, evaluation: EvalRecord, treatment: Treatment, baseline: Baseline | None, *, evals: int = 1
) -> VerdictRecord:
    """Judge one eval of `evals` as `judge_evaluation` does, of a session that is over."""
    verdict = _against(cell, evaluation, treatment, baseline, evals)
    broken = below_floor(evaluation)
    if not broken:
        return verdict
    message = "; ".join([*broken, *([verdict.message] if verdict.message else [])])
    rule = "paired" if verdict.verdict == "regressed" else "floor"
    return verdict.model_copy(update={"verdict": "regressed", "rule": rule, "message": message})


def _against(
    cell: str, now: EvalRecord, treatment: Treatment, baseline: Baseline | None, evals: int
) -> VerdictRecord:
    if baseline is None:
        return VerdictRecord(verdict="none")
    stored = sorted(baseline.cells.get(cell, {}).values(), key=lambda entry: entry.started_at)
    known = [entry for entry in stored if entry.evaluation is not None]
    if not known or known[-1].evaluation is None:
        command = baseline.record_command.replace("-m bench", "-m eval")
        message = f"not in baseline {baseline.name!r}; record with: {command}"
        return VerdictRecord(verdict="none", baseline=baseline.name, message=message)
    newest, then = known[-1], known[-1].evaluation
    differing = [name for name in _MUST_AGREE if getattr(then, name) != getattr(now, name)]
    if differing:
        facts = "; ".join(f"{name}: {_told(then, name)} -> {_told(now, name)}" for name in differing)
        message = f"not compared, because the eval was made another way: {facts}"
        return VerdictRecord(verdict="none", baseline=baseline.name, message=message)
    paired = judge_pairs(then, now, alpha=ALPHA / max(1, evals))
    return VerdictRecord(
        verdict=_worst(paired),
        rule="paired",
        baseline=baseline.name,
        baseline_sessions=1,
        message="; ".join(map(paired_text, paired)),
        treatment=changes(newest.treatment, treatment),
        paired=paired,
    )


def _told(evaluation: EvalRecord, name: str) -> str:
    text = str(getattr(evaluation, name))
    return text[:12] if name == "dataset" else text


def judge_pairs(then: EvalRecord, now: EvalRecord, *, alpha: float) -> tuple[PairedRecord, ...]:
    """Compare every score that both have, prompt by prompt; `alpha` is shared out among the scores."""
    names = [name for name in now.marked if name in then.marked]
    return tuple(_judged(name, then, now, alpha / len(names)) for name in names)


def _judged(name: str, then: EvalRecord, now: EvalRecord, alpha: float) -> PairedRecord:
    before, after = _verdicts(then, name), _verdicts(now, name)
    pairing = compare(before, after, alpha=alpha)
    both = [key for key in before if key in after]
    return PairedRecord(
        score=name,
        prompts=pairing.count,
        baseline=_share(before, both),
        candidate=_share(after, both),
        difference=pairing.difference,
        low=pairing.low,
        high=pairing.high,
        p=pairing.p_worse,
        alpha=alpha,
        detectable=detectable(pairing.count, pairing.discordance, alpha=alpha),
        lost=pairing.lost,
        gained=pairing.gained,
        verdict=verdict_of(pairing, alpha),
    )


def _verdicts(evaluation: EvalRecord, name: str) -> dict[str, bool]:
    """Every prompt with a verdict; those that could not be told are left out."""
    place = evaluation.marked.index(name)
    return {key: marks[place] == _PASSED for key, marks in evaluation.marks.items() if marks[place] != "?"}


def _share(verdicts: Mapping[str, bool], keys: Sequence[str]) -> float:
    return sum(verdicts[key] for key in keys) / len(keys) if keys else 0.0


def verdict_of(pairing: Pairing, alpha: float) -> VerdictName:
    """Say what a pairing came to: a loss, or a gain, must be sure at `alpha` and must matter."""
    if pairing.p_worse <= alpha and pairing.difference <= -LIMIT:
        return "regressed"
    if pairing.p_better <= alpha and pairing.difference >= LIMIT:
        return "improved"
    return "pass" if pairing.low > -LIMIT else "inconclusive"


def _worst(paired: Sequence[PairedRecord]) -> VerdictName:
    found = {pair.verdict for pair in paired}
    for verdict in ("regressed", "inconclusive", "improved"):
        if verdict in found:
            return verdict
    return "pass" if paired else "none"
