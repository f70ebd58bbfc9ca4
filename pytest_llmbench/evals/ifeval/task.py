"""IFEval as an eval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.evals.data import DataFile
from pytest_llmbench.evals.ifeval.scoring import SCORER, score_reply
from pytest_llmbench.evals.ifeval.sentences import HOW_TO_GET_PUNKT, find_punkt
from pytest_llmbench.evals.needs import needed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_llmbench.evals.base import Row, Verdict
    from pytest_llmbench.evals.data import EvalData

__all__ = ["IFEval"]

_PROMPTS = DataFile(
    "ifeval/*input_data.jsonl",
    "https://huggingface.co/datasets/google/IFEval/resolve/966cd89545d6b6acfd7638bc708b98261ca58e84"
    "/ifeval_input_data.jsonl",
    "6a85310ca8ce15eff755aa08a3a4ff931c7e273e7515ebb3c492ea85fd8288f2",
)


class IFEval:
    """541 prompts with instructions that a program can check.

    `strict` and `loose` say whether all instructions of a prompt were followed, `strict_instructions` and
    `loose_instructions` count single ones.
    """

    name = "ifeval"
    scorer = SCORER
    max_tokens = 4096
    stop: tuple[str, ...] = ()
    unscored = f"to score those that count sentences, {HOW_TO_GET_PUNKT}"

    def __init__(self) -> None:
        self._nltk: Path | None = None

    def rows(self, data: EvalData) -> Sequence[Row]:
        """Return the prompts in the order of the data.

        Raises:
            Unavailable: as promised; or a package is missing, which is told before anything is asked.
        """
        self._nltk = data.nltk
        needed("langdetect", extra="evals")
        find_punkt(self._nltk)
        return data.rows(_PROMPTS)

    def prompt(self, row: Row) -> str:
        """Return the prompt as it is."""
        return str(row["prompt"])

    def score(self, row: Row, reply: str) -> Mapping[str, Verdict]:
        """Score all instructions of the row."""
        score = score_reply(row, reply, nltk_data=self._nltk)
        return {
            "strict": score.prompt_strict,
            "loose": score.prompt_loose,
            "strict_instructions": score.strict,
            "loose_instructions": score.loose,
        }
