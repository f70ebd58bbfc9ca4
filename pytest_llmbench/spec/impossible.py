"""What no engine can run, each with the arithmetic that says so. What is unknown drops nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.models.facts import ModelFacts
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["impossible", "indivisible", "largest_tp", "too_big"]

_CACHE_TOKENS = 16
"""The least an engine keeps: one block of its cache."""
_CACHE_BYTES = 1
"""Of a number in the cache, in the smallest format that engines have for it (fp8)."""
_GIB = 2**30


def impossible(deployment: Deployment, facts: ModelFacts | None, formats: Sequence[str] = ()) -> str | None:
    """Say why no machine can run a deployment, None if one might.

    `formats` are those the engine loads, none for any. Servers that run already are taken at their word.
    """
    if deployment.runtime == "external":
        return None
    found = _format(deployment.source, facts)
    if formats and found and found not in formats:
        return f"{deployment.backend} loads {', '.join(formats)}; these weights are {found}"
    if facts is None:
        return None
    if facts.layers and deployment.pp > facts.layers:
        return f"pp {deployment.pp} is more than the {facts.layers} layers"
    if facts.experts and facts.experts % deployment.ep:
        return f"ep {deployment.ep} does not divide the {facts.experts} experts"
    return indivisible(facts, deployment.tp, expert_parallel=deployment.ep > 1)


def indivisible(facts: ModelFacts, tp: int, *, expert_parallel: bool = False) -> str | None:
    """Say what of the model cannot be shared out among `tp` ranks, None if all can.

    Key-value heads may also be repeated: 2 of them on 8 ranks are 4 copies of each. With expert parallelism
    whole experts are shared out, not slices of each.
    """
    if facts.heads and facts.heads % tp:
        return f"tp {tp} does not divide the {facts.heads} attention heads"
    if facts.kv_heads and facts.kv_heads % tp and tp % facts.kv_heads:
        return f"tp {tp} neither divides nor is a multiple of the {facts.kv_heads} key-value heads"
    if facts.intermediate and facts.intermediate % tp:
        return f"tp {tp} does not divide the intermediate size {facts.intermediate}"
    if facts.expert_intermediate and facts.expert_intermediate % tp and not expert_parallel:
        return f"tp {tp} does not divide the experts' intermediate size {facts.expert_intermediate}"
    return None


def largest_tp(facts: ModelFacts | None, gpus: int) -> int:
    """Return the most ranks, up to `gpus`, that a model can be shared out among; all if it is unknown."""
    if facts is None:
        return max(1, gpus)
    return next(tp for tp in range(max(1, gpus), 0, -1) if indivisible(facts, tp) is None)


def too_big(deployment: Deployment, facts: ModelFacts | None, memory_bytes: int) -> str | None:
    """Say why weights and the least of a cache do not fit into GPUs of so much memory each, None if they may.

    Nothing is said where part of the model may lie elsewhere (offloaded to the host).
    """
    if facts is None or not facts.weight_bytes or not deployment.gpus or _offloads(deployment, facts):
        return None
    cache = 0
    if facts.layers and facts.kv_heads and facts.head_size:
        cache = 2 * facts.layers * facts.kv_heads * facts.head_size * _CACHE_TOKENS * _CACHE_BYTES
    needed = (facts.weight_bytes + cache) * deployment.dp
    has = deployment.gpus * memory_bytes * (deployment.gpu_share or 1)
    if needed <= has:
        return None
    copies = f"{deployment.dp} x " if deployment.dp > 1 else ""
    share = f" x {deployment.gpu_share:g}" if deployment.gpu_share else ""
    return (
        f"weights and cache need {copies}{(facts.weight_bytes + cache) / _GIB:.1f} GiB,"
        f" {deployment.gpus} x {memory_bytes / _GIB:.1f} GiB{share} of GPU memory is {has / _GIB:.1f}"
    )


def _format(source: str, facts: ModelFacts | None) -> str | None:
    if facts:
        return facts.format
    last = source.rstrip("/").rpartition("/")[2].lower()
    named = last.endswith((".gguf", "-gguf")) or "-gguf:" in last
    return "gguf" if named else None


def _offloads(deployment: Deployment, facts: ModelFacts) -> bool:
    for name, value in deployment.args:
        plain = name.replace("_", "-")
        if "offload" in plain or plain in {"cpu-moe", "n-cpu-moe", "override-tensor"}:
            return True
        if plain in {"n-gpu-layers", "gpu-layers"} and isinstance(value, int):
            return value < (facts.layers or 0)
    return False
