"""GSM8K as an eval: worked examples, then the question."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pytest_llmbench.errors import UsageError
from pytest_llmbench.evals.data import DataFile
from pytest_llmbench.evals.gsm8k.answers import (
    SCORER,
    extract_flexible,
    extract_strict,
    matches,
    numerically_equal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.evals.base import Row, Verdict
    from pytest_llmbench.evals.data import EvalData

__all__ = ["GSM8K"]

# The hub has this set in a format that takes a package of 40 MB to read, its authors have it as JSON lines.
_AUTHORS = (
    "https://raw.githubusercontent.com/openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c"
    "/grade_school_math/data"
)
_TEST = DataFile(
    "gsm8k/test.jsonl",
    f"{_AUTHORS}/test.jsonl",
    "3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14",
)
_TRAIN = DataFile(
    "gsm8k/train*.jsonl",
    f"{_AUTHORS}/train.jsonl",
    "17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465",
)
_CALCULATION = re.compile(r"<<[^>]*>>")


class GSM8K:
    """1,319 questions, each behind `shots` worked examples: the first of the training split.

    The `style` is `plain`, solutions as the data has them, with calculations in `<<>>` and the answer behind
    `####`; or `cot`, sentences that end in `The answer is N.`. `strict` looks for the answer where the
    examples have it, `flexible` takes the last number; `numeric` compares that as a number.
    """

    scorer = SCORER
    max_tokens = 2048

    def __init__(self, shots: int = 5, style: Literal["plain", "cot"] = "plain") -> None:
        self.shots = shots
        self.cot = style == "cot"
        self.name = "gsm8k-cot" if self.cot else "gsm8k"
        self._question, self._answer = ("Q: ", "A:") if self.cot else ("Question: ", "Answer:")
        self.stop: tuple[str, ...] = (self._question.strip(),)
        self._examples = ""

    def rows(self, data: EvalData) -> Sequence[Row]:
        """Return the questions in the order of the data; `key` is their place."""
        train = data.rows(_TRAIN) if self.shots else []
        if len(train) < self.shots:
            message = f"gsm8k: {self.shots} examples were asked for, the training split has {len(train)}"
            raise UsageError(message)
        self._examples = "".join(
            f"{self._asked(row)} {self._solution(row['answer'])}\n\n" for row in train[: self.shots]
        )
        return [{"key": place, **row} for place, row in enumerate(data.rows(_TEST))]

    def prompt(self, row: Row) -> str:
        """Return the examples and the question."""
        return self._examples + self._asked(row)

    def _asked(self, row: Row) -> str:
        return f"{self._question}{row['question']}\n{self._answer}"

    def _solution(self, answer: str) -> str:
        if not self.cot:
            return answer
        steps, _, number = _CALCULATION.sub("", answer).partition("\n#### ")
        return f"{' '.join(steps.split())} The answer is {number}."

    def score(self, row: Row, reply: str) -> Mapping[str, Verdict]:
        """Compare with the answer of the data."""
        gold, found = row["answer"], extract_flexible(reply)
        return {
            "strict": matches(extract_strict(reply, cot=self.cot), gold),
            "flexible": matches(found, gold),
            "numeric": numerically_equal(found, gold),
        }
