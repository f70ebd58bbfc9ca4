from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import Unavailable
from pytest_llmbench.evals.data import EvalData
from pytest_llmbench.evals.ifeval.task import IFEval

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("langdetect")


def test_a_missing_package_is_told_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when all replies are in."""
    monkeypatch.setitem(sys.modules, "langdetect", None)
    with pytest.raises(Unavailable, match=r"needs the evals extra \(langdetect: "):
        IFEval().rows(EvalData(tmp_path))


def test_scores_prompts_and_instructions(data_dir: Path) -> None:
    """With the Punkt data that lies beside the prompts."""
    eval_ = IFEval()
    rows = eval_.rows(EvalData(data_dir))
    assert len(rows) == 541
    row = next(row for row in rows if "length_constraints:number_sentences" in row["instruction_id_list"])
    assert eval_.prompt(row) == row["prompt"]
    scores = eval_.score(row, "One. Two.")
    assert list(scores) == ["strict", "loose", "strict_instructions", "loose_instructions"]
    assert scores["strict"] is not None
