"""What an eval came to."""

from __future__ import annotations

from pytest_llmbench.records.base import Record, Scalar

__all__ = ["EvalRecord", "ScoreRecord"]


class ScoreRecord(Record):
    """How many verdicts were good: of prompts, or of the parts of prompts.

    `mean` is `passed` / `scored`, null if nothing was scored; `low` and `high` its 95 % interval.
    """

    mean: float | None
    passed: int
    scored: int
    unscored: int = 0
    low: float
    high: float


class EvalRecord(Record):
    """An eval: what was asked, how it was scored, and what came of every prompt.

    `marks` has a character a score of `marked` for each prompt: `+` passed, `-` failed, `?` unscored.
    `settings` are what the eval was made with, `sampling` is what stood in every request. Of `repeated`
    prompts, asked a second time, `same` were answered alike. Of `template_checked` prompts, `template_agreed`
    had as many tokens as the server counts in what its chat template makes of them.
    """

    name: str
    scorer: str
    dataset: str
    """SHA-256 of rows and prompts as they were asked, in hex."""
    prompts: int
    """Rows of the data."""
    asked: int
    """Less than `prompts`: a subset, drawn with `subset_seed`."""
    subset_seed: int | None = None
    scores: dict[str, ScoreRecord]
    floors: dict[str, float] = {}
    marked: tuple[str, ...]
    marks: dict[str, str]
    settings: dict[str, Scalar] = {}
    sampling: dict[str, Scalar] = {}
    max_tokens: int
    unanswered: int = 0
    truncated: int = 0
    """Replies that were cut off at `max_tokens`; scored as they are."""
    thought: int = 0
    """Replies with thinking, which is not scored."""
    retried: int = 0
    resumed: int = 0
    repeated: int = 0
    same: int = 0
    template_checked: int = 0
    template_agreed: int = 0
    template_tokens: int | None = None
    """What the chat template adds to a prompt, in tokens."""
    replies: str | None = None
    """The file of all replies, in the session's folder."""
