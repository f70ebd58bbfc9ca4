"""llama.cpp."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api
from pytest_llmbench.backends.generic import EXACT
from pytest_llmbench.backends.llama_args import check_llama_args
from pytest_llmbench.backends.llama_family import LlamaFamily

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.spec.deployment import ArgValue, RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["Llama"]


class Llama(LlamaFamily):
    """llama.cpp: embedded from the `xllamacpp` wheel, or a `llama-server` elsewhere."""

    name = "llama"
    default_runtime: RuntimeName = "embedded"
    images = "ghcr.io/ggml-org/llama.cpp"
    apis: Mapping[Endpoint, Api] = MappingProxyType(
        {
            **LlamaFamily.apis,
            "responses": Api("openai-responses", EXACT),
        }
    )
    # As many slots as llama-server gives itself. Without `ctx-size` each has the model's whole context.
    default_args: Mapping[str, ArgValue] = {"parallel": 4}

    def check_args(self, args: Mapping[str, ArgValue]) -> None:
        """Reject unknown arguments and values of a wrong type."""
        check_llama_args(args)
