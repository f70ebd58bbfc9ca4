"""What the user's rules are about."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.files import Rule
from pytest_llmbench.spec.rules import forbids, is_gpu, says_gpu

ONE = Deployment(
    model="glm", source="o/glm", backend="vllm", runtime="docker", version="v0.22.1", tp=2, gpus=2,
    args=(("eager", True), ("kv", "fp8_e4m3"), ("seed", 1)), env=(("A", "on"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("when", "forbidden"),
    [
        ({"backend": "vllm"}, True),
        ({"backend": ["sglang", "vllm"], "tp": 2}, True),
        ({"backend": "vllm", "tp": [1, 4]}, False),
        ({"version": "v0.22.*"}, True),
        ({"version": "v0.23.*"}, False),
        ({"profile": "debug"}, False),
        ({"args": {"kv": "fp8*"}}, True),
        ({"args": {"eager": True}}, True),
        ({"args": {"seed": True}}, False),
        ({"args": {"other": 1}}, False),
        ({"env": {"A": "on"}, "gpus": 2}, True),
        ({"env": {"B": "on"}}, False),
        ({"gpu": "H100"}, False),
    ],
)
def test_everything_a_rule_says_must_hold(when: dict[str, Any], forbidden: bool) -> None:  # noqa: FBT001
    """Of several values one; texts with wildcards; 1 is not true."""
    assert forbids(Rule.model_validate({"when": when, "reason": "because"}), ONE) is forbidden


def test_a_gpu_is_the_deployments_or_the_machines() -> None:
    """A deployment that asks for a model of GPU is judged by it; others by those the machine has."""
    rule = Rule.model_validate({"when": {"backend": "vllm", "gpu": "4090"}, "reason": "because"})
    named = ONE.model_copy(update={"gpu_name": "RTX 4090"})
    assert (forbids(rule, ONE), says_gpu(rule, ONE)) == (False, True)
    assert (forbids(rule, named), says_gpu(rule, named)) == (True, False)
    assert not says_gpu(rule, ONE.model_copy(update={"gpus": 0}))
    assert is_gpu("NVIDIA GeForce RTX 4090", ("rtx 4090",))
    assert not is_gpu("NVIDIA H100", ("rtx", "A100"))
