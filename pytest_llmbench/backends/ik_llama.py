"""ik_llama.cpp, a fork of llama.cpp with its own quantizations and kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.backends.llama_family import LlamaFamily

if TYPE_CHECKING:
    from pytest_llmbench.spec.deployment import RuntimeName

__all__ = ["IkLlama"]


class IkLlama(LlamaFamily):
    """Speaks llama.cpp's API; its arguments have diverged."""

    name = "ik_llama"
    default_runtime: RuntimeName = "docker"
    split_tensors = "graph"
