"""llama.cpp."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api
from pytest_llmbench.backends.generic import EXACT
from pytest_llmbench.backends.llama_args import LLAMA_ARGS, check_llama_args
from pytest_llmbench.backends.llama_family import LlamaFamily

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.backends.base import Accelerator
    from pytest_llmbench.spec.deployment import ArgValue, RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["Llama"]


class Llama(LlamaFamily):
    """llama.cpp: embedded from the `xllamacpp` wheel, or a `llama-server` elsewhere."""

    name = "llama"
    default_runtime: RuntimeName = "embedded"
    images: Mapping[Accelerator, str] = {
        "cpu": "ghcr.io/ggml-org/llama.cpp:server-{version}",
        "cuda": "ghcr.io/ggml-org/llama.cpp:server-cuda-{version}",
        "rocm": "ghcr.io/ggml-org/llama.cpp:server-rocm-{version}",
    }
    apis: Mapping[Endpoint, Api] = MappingProxyType(
        {
            **LlamaFamily.apis,
            "responses": Api("openai-responses", EXACT),
        }
    )
    # As many slots as llama-server gives itself. Without `ctx-size` each has the model's whole context.
    default_args: Mapping[str, ArgValue] = {"parallel": 4}

    def check_args(self, args: Mapping[str, ArgValue], runtime: RuntimeName) -> None:
        """Hold them against what the embedded engine can be told, or against `llama-server`'s own."""
        if runtime == "embedded":
            check_llama_args(args)
            return
        super().check_args(args, runtime)
        # Types that the server's help does not tell.
        check_llama_args({name: value for name, value in args.items() if name in LLAMA_ARGS})
