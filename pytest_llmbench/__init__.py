"""LLM-serving benchmarks as pytest test cases.

The public names, for tests and for scripts that use the package without pytest. Each is imported when it is
first used: pytest imports this package at every start, also in projects that never benchmark anything.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llmbench.client.generator import LoadGenerator
    from pytest_llmbench.errors import LLMBenchError
    from pytest_llmbench.evals.base import Eval
    from pytest_llmbench.evals.gsm8k.task import GSM8K
    from pytest_llmbench.evals.ifeval.task import IFEval
    from pytest_llmbench.evals.outcome import EvalResult
    from pytest_llmbench.fixtures import Bench, Evaluate
    from pytest_llmbench.measuring import measure
    from pytest_llmbench.metrics.registry import METRICS
    from pytest_llmbench.metrics.summary import Summary
    from pytest_llmbench.result import BenchResult
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.workload import Workload
    from pytest_llmbench.workloads.loads import ArrivalProcess, Load

__all__ = [
    "GSM8K",
    "METRICS",
    "ArrivalProcess",
    "Bench",
    "BenchResult",
    "Deployment",
    "Eval",
    "EvalResult",
    "Evaluate",
    "IFEval",
    "LLMBenchError",
    "Load",
    "LoadGenerator",
    "Server",
    "Summary",
    "Workload",
    "measure",
]

_HOMES = {
    "GSM8K": "evals.gsm8k.task",
    "METRICS": "metrics.registry",
    "ArrivalProcess": "workloads.loads",
    "Bench": "fixtures",
    "BenchResult": "result",
    "Deployment": "spec.deployment",
    "Eval": "evals.base",
    "EvalResult": "evals.outcome",
    "Evaluate": "fixtures",
    "IFEval": "evals.ifeval.task",
    "LLMBenchError": "errors",
    "Load": "workloads.loads",
    "LoadGenerator": "client.generator",
    "Server": "runtimes.server",
    "Summary": "metrics.summary",
    "Workload": "spec.workload",
    "measure": "measuring",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
