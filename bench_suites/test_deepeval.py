"""deepeval's metrics and benchmark classes on a deployment: `pip install 'pytest-llmbench[deepeval]'`.

An example to start from. Its benchmark classes run with our data and scoring; `test_ifeval` and `test_gsm8k`
ask the same faster, and compare with a baseline.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmbench import Server

pytestmark = [
    pytest.mark.eval,
    pytest.mark.skipif(
        find_spec("deepeval") is None, reason="needs deepeval: pip install 'pytest-llmbench[deepeval]'"
    ),
]


def test_deepeval_metric(llm_server: Server) -> None:
    """Any metric: this one needs no judge. With one, pass `model=deepeval_model(llm_server)`."""
    from pytest_llmbench.evals.deepeval import deepeval_model  # noqa: PLC0415 - imports deepeval

    model = deepeval_model(llm_server, max_tokens=16)
    from deepeval.metrics import PatternMatchMetric  # noqa: PLC0415 - quiet only after the model was made
    from deepeval.test_case import LLMTestCase  # noqa: PLC0415

    question = "How does a lighthouse differ from a buoy?"
    case = LLMTestCase(input=question, actual_output=model.generate(question))
    metric = PatternMatchMetric(pattern=r"(?s).*\w.*")
    metric.measure(case)
    assert metric.is_successful()


def test_deepeval_benchmarks(llm_server: Server, request: pytest.FixtureRequest) -> None:
    """Their IFEval and GSM8K, a few prompts of each."""
    from pytest_llmbench.evals.data import EvalData  # noqa: PLC0415
    from pytest_llmbench.evals.deepeval import (  # noqa: PLC0415 - imports deepeval
        deepeval_gsm8k,
        deepeval_ifeval,
        deepeval_model,
    )

    folder = request.config.getoption("bench_data_dir")
    data = EvalData(Path(folder) if folder else None)
    model = deepeval_model(llm_server, max_tokens=64)
    for benchmark in (deepeval_ifeval(data, n_problems=8), deepeval_gsm8k(data, n_problems=4)):
        benchmark.evaluate(model=model)
        assert 0 <= benchmark.overall_score <= 1
        assert len(benchmark.predictions) in {4, 8}
