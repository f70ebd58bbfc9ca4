"""TensorRT-LLM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.backends.generic import GenericBackend
from pytest_llmbench.backends.wire import get_json, pick

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import RuntimeName

__all__ = ["TRTLLM"]


class TRTLLM(GenericBackend):
    """`trtllm-serve`. Its arguments change with every release and are not checked here."""

    name = "trtllm"
    default_runtime: RuntimeName = "docker"
    formats: tuple[str, ...] = ("safetensors",)
    request_extras: Mapping[str, object] = {"ignore_eos": True}
    # `/metrics` is there too, but answers JSON about iterations.
    metrics_path: str | None = "/prometheus/metrics"

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Return the version."""
        return super().facts(http) | pick(get_json(http, "/version"), version="version")
