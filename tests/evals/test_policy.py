from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.evals.policy import chosen_concurrency, chosen_deployments
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    from pytest_llmbench.spec.evals import Policy


@pytest.mark.parametrize(
    ("policy", "streams"),
    [
        ("highest-and-median-concurrency", (8, 64)),
        ("highest-and-lowest-tp", (64,)),
        ("all", (1, 4, 8, 16, 64)),
    ],
)
def test_concurrency(policy: Policy, streams: tuple[int, ...]) -> None:
    """Rising, each once, whatever the order they are given in."""
    assert chosen_concurrency(policy, (64, 1, 8, 4, 16, 8)) == streams
    assert chosen_concurrency(policy, (4,)) == (4,)


def _deployment(model: str, tp: int, backend: str = "vllm") -> Deployment:
    return Deployment(model=model, source="x", backend=backend, runtime="docker", tp=tp)


def test_tensor_parallelism() -> None:
    """The two ends of each model and backend; the other policies take all."""
    given = [
        *(_deployment("a", tp) for tp in (1, 2, 4)),
        _deployment("b", 8),
        *(_deployment("a", tp, "sglang") for tp in (4, 8)),
    ]
    chosen = chosen_deployments("highest-and-lowest-tp", given)
    assert [(one.model, one.backend, one.tp) for one in chosen] == [
        ("a", "vllm", 1),
        ("a", "vllm", 4),
        ("b", "vllm", 8),
        ("a", "sglang", 4),
        ("a", "sglang", 8),
    ]
    assert chosen_deployments("all", given) == given
