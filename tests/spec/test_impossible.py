"""The arithmetic of what cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmbench.models.facts import ModelFacts
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.impossible import impossible, too_big

GIB = 2**30
ANY = "safetensors"
DENSE = ModelFacts(
    format="safetensors", layers=36, heads=32, kv_heads=8, head_size=128, intermediate=12288,
    weight_bytes=16 * GIB,
)  # fmt: skip
EXPERTS = ModelFacts(format="safetensors", heads=64, kv_heads=4, experts=96, expert_intermediate=1408)


def deployment(**values: Any) -> Deployment:  # noqa: ANN401
    """Make one on vLLM in a container."""
    return Deployment(**{"model": "m", "source": "o/m", "backend": "vllm", "runtime": "docker", **values})


@pytest.mark.parametrize(
    ("values", "facts", "reason"),
    [
        ({"tp": 8}, DENSE, None),
        ({"tp": 16}, DENSE, None),  # two copies of each key-value head
        ({"tp": 5}, DENSE, "tp 5 does not divide the 32 attention heads"),
        ({"tp": 6}, ModelFacts(ANY, heads=6, kv_heads=4), "tp 6 neither divides nor is a mult"),
        ({"tp": 32}, ModelFacts(ANY, heads=32, intermediate=1000), "tp 32 does not divide the interm"),
        ({"tp": 16}, EXPERTS, None),
        ({"tp": 64}, EXPERTS, None),
        ({"tp": 8, "ep": 10}, EXPERTS, "ep 10 does not divide the 96 experts"),
        ({"pp": 40}, DENSE, "pp 40 is more than the 36 layers"),
        ({"tp": 5}, None, None),
        ({"tp": 5}, ModelFacts(ANY), None),
        ({"tp": 5, "runtime": "external"}, DENSE, None),
        ({"source": "o/m-GGUF:Q4_K_M"}, None, "vllm loads safetensors; these weights are gguf"),
        ({"source": "a/m.gguf", "runtime": "external"}, None, None),
        ({}, ModelFacts("gguf"), "vllm loads safetensors; these weights are gguf"),
    ],
)  # fmt: skip
def test_impossible(values: dict[str, Any], facts: ModelFacts | None, reason: str | None) -> None:
    """Each reason says which number does not go into which."""
    found = impossible(deployment(**values), facts, ("safetensors",))
    assert found == reason or (found and reason and found.startswith(reason))


def test_experts_are_shared_out_whole_or_in_slices() -> None:
    """Slices of 1400 do not go into 128 ranks, unless whole experts are shared out."""
    wide = ModelFacts(ANY, heads=128, experts=128, expert_intermediate=1400)
    reason = "tp 128 does not divide the experts' intermediate size 1400"
    assert impossible(deployment(tp=128), wide) == reason
    assert impossible(deployment(tp=128, ep=128), wide) is None


@pytest.mark.parametrize(
    ("values", "memory", "reason"),
    [
        ({"gpus": 1}, 24, None),
        ({"gpus": 1}, 16, "weights and cache need 16.0 GiB, 1 x 16.0 GiB of GPU memory is 16.0"),
        ({"gpus": 2, "tp": 2}, 9, None),
        ({"gpus": 2, "dp": 2}, 12, "weights and cache need 2 x 16.0 GiB, 2 x 12.0 GiB of GPU memory is 24.0"),
        ({"gpus": 1, "gpu_share": 0.5}, 24, "weights and cache need 16.0 GiB, 1 x 24.0 GiB x 0.5 of GPU mem"),
        ({"gpus": 1, "args": (("cpu-offload-gb", 8),)}, 8, None),
        ({"gpus": 1, "args": (("n-gpu-layers", 10),)}, 8, None),
        ({"gpus": 1, "args": (("n-gpu-layers", 999),)}, 8, "weights and cache need"),
        ({"gpus": 0}, 8, None),
    ],
)
def test_memory(values: dict[str, Any], memory: int, reason: str | None) -> None:
    """Weights plus one block of cache against all leased memory, unless part of it may lie on the host."""
    found = too_big(deployment(**values), DENSE, memory * GIB)
    assert found == reason or (found and reason and found.startswith(reason))


def test_unknown_weights_fit() -> None:
    """Nothing is dropped for what is not known."""
    assert too_big(deployment(gpus=1), None, 1) is None
    assert too_big(deployment(gpus=1), ModelFacts(ANY), 1) is None
