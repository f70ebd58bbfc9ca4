"""TensorRT-LLM."""

from __future__ import annotations

from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api, Container, MetricNames
from pytest_llmbench.backends.causes import COMMON, find_cause
from pytest_llmbench.backends.generic import COUNTED
from pytest_llmbench.backends.log_facts import LogFact, read_log_facts
from pytest_llmbench.backends.served import ServedBackend
from pytest_llmbench.backends.wire import get_json, pick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.backends.base import Accelerator, Launch
    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import ArgValue, Deployment, RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["TRTLLM"]

_CAUSES = {
    r"Error: (?:No such option|Invalid value|Got unexpected extra argument)": "an engine argument is wrong",
    r"Failed to bind socket to": "its port is taken",
    r"No GPU devices found on the node": "it found no GPU",
    r"is not a valid model identifier|Failed to load the model|does not appear to have a file named": (
        "the model could not be loaded"
    ),
}
_LOG_FACTS = (
    LogFact("kv_bytes", r"Allocated ([\d.]+) GiB for max tokens in paged KV cache", "GiB"),
    LogFact("kv_capacity", r"for max tokens in paged KV cache \((\d+)\)", "int"),
)


class TRTLLM(ServedBackend):
    """`trtllm-serve`. In a configuration its arguments are in kebab-case, as everybody's."""

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
    metric_names = MetricNames(
        histograms={
            "server_ttft": ("trtllm_time_to_first_token_seconds", "time_to_first_token_seconds"),
            "server_queue": ("trtllm_request_queue_time_seconds", "request_queue_time_seconds"),
        }
    )
    program: tuple[str, ...] = ("trtllm-serve", "serve")
    container: Container | None = Container(("trtllm-serve", "serve"), shm_bytes=16 << 30)
    images: Mapping[Accelerator, str] = {"cuda": "nvcr.io/nvidia/tensorrt-llm/release:{version}"}

    def identity(self, launch: Launch) -> Sequence[str]:
        """It takes no name for the model: see `served_as`."""
        return (launch.model, "--host", launch.host, "--port", str(launch.port))

    def served_as(self, launch: Launch) -> str:
        """Return the folder's name, which is all that it calls its model."""
        return PurePath(launch.model).name

    def parallelism(
        self,
        deployment: Deployment,
        launch: Launch,  # noqa: ARG002
        args: Mapping[str, ArgValue],  # noqa: ARG002
    ) -> Sequence[str]:
        """Each but DP has an option of its own."""
        self.refuse(deployment, "dp")
        sizes = {"tp": deployment.tp, "pp": deployment.pp, "ep": deployment.ep}
        return [word for name, size in sizes.items() if size > 1 for word in (f"--{name}_size", str(size))]

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Return the version."""
        return super().facts(http) | pick(get_json(http, "/version"), version="version")

    def log_facts(self, log: Sequence[str]) -> dict[str, FactValue]:
        """Return KV capacity and bytes, and what it fell back to."""
        return read_log_facts(log, _LOG_FACTS)

    def cause(self, log: Sequence[str]) -> str | None:
        """Look for its own causes first: they say what to do."""
        return find_cause(log, {**_CAUSES, **COMMON})
