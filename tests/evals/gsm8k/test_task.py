from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.evals.data import EvalData
from pytest_llmbench.evals.gsm8k.task import GSM8K

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> EvalData:
    """Give a tiny set in the published form."""
    rows = [
        {
            "question": f"How much is {n} + {n}?",
            "answer": f"It is {n}+{n}=<<{n}+{n}={2 * n}>>{2 * n}.\nYes.\n#### {2 * n}",
        }
        for n in range(1, 5)
    ]
    (tmp_path / "gsm8k").mkdir()
    for name, part in (("train_some", rows[:3]), ("test", rows[3:])):
        text = "".join(f"{json.dumps(row)}\n" for row in part)
        (tmp_path / "gsm8k" / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return EvalData(tmp_path)


def test_examples_stand_before_the_question(data: EvalData) -> None:
    """As the training split has them."""
    eval_ = GSM8K(shots=1)
    (row,) = eval_.rows(data)
    assert row["key"] == 0
    assert eval_.prompt(row) == (
        "Question: How much is 1 + 1?\nAnswer: It is 1+1=<<1+1=2>>2.\nYes.\n#### 2\n\n"
        "Question: How much is 4 + 4?\nAnswer:"
    )
    assert (eval_.name, eval_.stop) == ("gsm8k", ("Question:",))
    assert eval_.score(row, "That is 8.\n#### 8") == {"strict": True, "flexible": True, "numeric": True}
    assert eval_.score(row, "That is 8.0") == {"strict": False, "flexible": False, "numeric": True}


def test_examples_in_the_style_of_chain_of_thought(data: EvalData) -> None:
    """In sentences, without the marks of the calculator."""
    eval_ = GSM8K(shots=2, style="cot")
    (row,) = eval_.rows(data)
    assert eval_.prompt(row) == (
        "Q: How much is 1 + 1?\nA: It is 1+1=2. Yes. The answer is 2.\n\n"
        "Q: How much is 2 + 2?\nA: It is 2+2=4. Yes. The answer is 4.\n\n"
        "Q: How much is 4 + 4?\nA:"
    )
    assert (eval_.name, eval_.stop) == ("gsm8k-cot", ("Q:",))
    assert eval_.score(row, "The answer is 8.")["strict"] is True


def test_no_examples_need_no_training_split(data: EvalData, tmp_path: Path) -> None:
    """And more than there are cannot be shown."""
    with pytest.raises(UsageError, match="gsm8k: 4 examples were asked for, the training split has 3"):
        GSM8K(shots=4).rows(data)
    (tmp_path / "gsm8k" / "train_some.jsonl").unlink()
    eval_ = GSM8K(shots=0)
    assert eval_.prompt(eval_.rows(data)[0]) == "Question: How much is 4 + 4?\nAnswer:"
