"""deepeval, for real where it is installed: `pip install 'pytest-llmbench[deepeval]'`."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmbench.errors import Unavailable
from pytest_llmbench.evals.data import EvalData
from pytest_llmbench.evals.deepeval import deepeval_gsm8k, deepeval_ifeval, deepeval_model

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.runtimes.server import Server

installed = find_spec("deepeval") is not None
needs_deepeval = pytest.mark.skipif(not installed, reason="needs deepeval, which has a venv of its own")


@pytest.mark.skipif(installed, reason="deepeval is installed here")
def test_says_how_to_install_it(real_server: Server) -> None:
    """A test that uses it is skipped with this."""
    with pytest.raises(Unavailable, match=r"needs the deepeval extra .* pip install '.*\[deepeval\]'"):
        deepeval_model(real_server)


@needs_deepeval
def test_a_metric_of_a_servers_answer(real_server: Server) -> None:
    """Asked through their model class, quietly."""
    model = deepeval_model(real_server, max_tokens=8)
    assert model.get_model_name() == real_server.deployment.id
    assert os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] == os.environ["DEEPEVAL_DISABLE_DOTENV"] == "1"
    from deepeval.metrics import ExactMatchMetric  # noqa: PLC0415 - only where it is installed
    from deepeval.test_case import LLMTestCase  # noqa: PLC0415

    answer = model.generate("How do boats float?")
    assert len(answer.split()) > 1
    case = LLMTestCase(input="How do boats float?", actual_output=answer, expected_output=answer)
    metric = ExactMatchMetric()
    metric.measure(case)
    assert metric.score == 1


class _Says:
    """A model that always says the same."""

    def __init__(self, text: str) -> None:
        self.text = text

    def generate(self, _prompt: str) -> str:
        """Say it."""
        return self.text


@needs_deepeval
def test_their_classes_score_as_we_do(tmp_path: Path) -> None:
    """An answer that theirs would miss, and instructions that theirs lets pass."""
    files: dict[str, list[dict[str, Any]]] = {
        "gsm8k/train.jsonl": [{"question": "1 + 1?", "answer": "So.\n#### 2"}],
        "gsm8k/test.jsonl": [{"question": "2 + 2?", "answer": "So.\n#### 4"}],
        "ifeval/input_data.jsonl": [
            {
                "key": 1,
                "prompt": "Two paragraphs, please.",
                "instruction_id_list": ["length_constraints:number_paragraphs", "punctuation:no_comma"],
                "kwargs": [{"num_paragraphs": 2}, {}],
            }
        ],
    }
    for name, rows in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    data = EvalData(tmp_path)
    gsm8k = deepeval_gsm8k(data, n_problems=1, n_shots=1, score="strict")
    gsm8k.evaluate(model=_Says("Two and two make four.\n#### 4"))
    assert gsm8k.overall_score == 1
    ifeval = deepeval_ifeval(data)
    ifeval.evaluate(model=_Says("One paragraph only."))
    assert ifeval.overall_score == 0
    assert ifeval.instruction_breakdown == {
        "length_constraints:number_paragraphs": 0.0,
        "punctuation:no_comma": 1.0,
    }
