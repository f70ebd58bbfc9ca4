"""TensorRT-LLM."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api
from pytest_llmbench.backends.generic import COUNTED, GenericBackend
from pytest_llmbench.backends.wire import get_json, pick

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["TRTLLM"]


class TRTLLM(GenericBackend):
    """`trtllm-serve`. Its arguments change with every release and are not checked here."""

    name = "trtllm"
    default_runtime: RuntimeName = "docker"
    formats: tuple[str, ...] = ("safetensors",)
    apis: Mapping[Endpoint, Api] = MappingProxyType(
        {
            "chat": Api("openai-chat", COUNTED),
            "completions": Api("openai-completions", COUNTED),
            # These fields are refused or ignored here, by version: replies may end early.
            "responses": Api("openai-responses"),
        }
    )
    # `/metrics` is there too, but answers JSON about iterations.
    metrics_path: str | None = "/prometheus/metrics"

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Return the version."""
        return super().facts(http) | pick(get_json(http, "/version"), version="version")
