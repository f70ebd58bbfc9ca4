"""What is said of an eval: in the message of a failed test, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.counting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.records import EvalRecord, PairedRecord, ResultRecord, ScoreRecord

__all__ = [
    "below_floor",
    "discordant_lines",
    "eval_notes",
    "failure_message",
    "keys_text",
    "paired_text",
    "score_text",
]

_MOST_KEYS = 20


def score_text(score: ScoreRecord) -> str:
    """Say `41.2 % (37.1-45.4)`."""
    if score.mean is None:
        return "unscored"
    return f"{score.mean * 100:.1f} % ({score.low * 100:.1f}-{score.high * 100:.1f})"


def below_floor(evaluation: EvalRecord) -> list[str]:
    """Name every score that is below its floor, or has none to hold against it."""
    told = []
    for name, floor in evaluation.floors.items():
        score = evaluation.scores.get(name)
        mean = None if score is None else score.mean
        if mean is None:
            told.append(f"{evaluation.name}.{name} was not scored (floor {floor * 100:g} %)")
        elif mean < floor:
            told.append(f"{evaluation.name}.{name} {mean * 100:.1f} % is below its floor {floor * 100:g} %")
    return told


def paired_text(pair: PairedRecord) -> str:
    """Say what became of one score."""
    text = (
        f"{pair.score} {pair.baseline * 100:.1f} % -> {pair.candidate * 100:.1f} %"
        f" ({len(pair.lost)} lost, {len(pair.gained)} gained of {counted(pair.prompts, 'prompt')},"
        f" p {pair.p:.2g})"
    )
    if pair.verdict == "inconclusive":
        text += f"; a loss of {pair.detectable * 100:.1f} points would be found four times in five"
    return text


def failure_message(result: ResultRecord, evaluation: EvalRecord) -> str:
    """Say why an eval fails its test: the scores first, then which prompts and what else changed."""
    verdict = result.verdict
    worse = [paired_text(pair) for pair in verdict.paired if pair.verdict == "regressed"]
    name = evaluation.name
    lines = ["; ".join([*below_floor(evaluation), *(f"{name}.{text}" for text in worse)])]
    against = f": {verdict.verdict}"
    if verdict.baseline is not None:
        against += f" against baseline {verdict.baseline!r}, paired by prompt (exact McNemar test)"
    lines.append(f"{result.cell}{against}")
    for pair in verdict.paired:
        if pair.verdict == "regressed":
            lines += discordant_lines(pair)
    if verdict.paired:
        lines.append(
            "changed since: " + "; ".join(verdict.treatment)
            if verdict.treatment
            else "nothing recorded differs: same version, image, arguments and environment variables"
        )
    if evaluation.replies:
        lines.append(f"replies: {evaluation.replies}, in the session's folder")
    return "\n".join(lines)


def discordant_lines(pair: PairedRecord) -> list[str]:
    """Name the prompts that changed."""
    return [
        f"{pair.score}: {len(keys)} {what}: {keys_text(keys)}"
        for what, keys in (("lost", pair.lost), ("gained", pair.gained))
        if keys
    ]


def keys_text(keys: Sequence[str]) -> str:
    """Name some prompts, and say how many more there are."""
    rest = len(keys) - _MOST_KEYS
    return " ".join(keys[:_MOST_KEYS]) + (f" and {rest} more in the report" if rest > 0 else "")


def eval_notes(evaluation: EvalRecord, unscored: str) -> list[str]:
    """Say what a reader of the scores should know; `unscored` is what would change that."""
    asked, notes = evaluation.asked, []
    if evaluation.subset_seed is not None:
        seed = evaluation.subset_seed
        notes.append(f"a subset: {asked} of {counted(evaluation.prompts, 'prompt')}, drawn with seed {seed}")
    if evaluation.truncated:
        limit = evaluation.max_tokens
        notes.append(f"{evaluation.truncated} of {asked} replies were cut off at {limit} tokens")
    missing = max((score.unscored for score in evaluation.scores.values()), default=0)
    if missing:
        notes.append(f"{counted(missing, 'verdict')} missing" + (f": {unscored}" if unscored else ""))
    if evaluation.same < evaluation.repeated:
        differing = evaluation.repeated - evaluation.same
        notes.append(
            f"the server is not deterministic: {differing} of {evaluation.repeated} prompts asked twice"
            " were answered otherwise the second time"
        )
    if evaluation.template_agreed < evaluation.template_checked:
        off = evaluation.template_checked - evaluation.template_agreed
        notes.append(
            f"the chat template is not what it seems: {off} of {evaluation.template_checked} prompts had"
            " other numbers of tokens than the server counts when it renders them"
        )
    if evaluation.template_tokens == 0:
        notes.append("the server's chat template adds nothing to a prompt")
    if evaluation.retried:
        notes.append(f"{counted(evaluation.retried, 'prompt')} asked again after the connection failed")
    if evaluation.resumed:
        notes.append(f"{evaluation.resumed} of {asked} replies were resumed from an interrupted session")
    return notes
