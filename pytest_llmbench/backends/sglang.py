"""SGLang."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api, Container, MetricNames
from pytest_llmbench.backends.causes import COMMON, find_cause
from pytest_llmbench.backends.generic import COUNTED, EXACT
from pytest_llmbench.backends.log_facts import LogFact, read_log_facts
from pytest_llmbench.backends.served import ServedBackend
from pytest_llmbench.backends.wire import get_json, pick, post_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.backends.base import Accelerator, Launch
    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import ArgValue, Deployment, RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["SGLang"]

_CAUSES = {
    r"Not enough memory\. Please try": "the GPU has too little free memory: raise mem-fraction-static",
    r"is not a valid model identifier|Can't load the configuration|does not appear to have a file named": (
        "the model could not be loaded"
    ),
    r"launch_server\.py: error: argument": "an engine argument is wrong",
    r"is not divisible by|must be divisible by": "the model cannot be split over so many GPUs",
}
_LOG_FACTS = (
    LogFact("kv_capacity", r"max_total_num_tokens=(\d+)", "int"),
    LogFact("attention_backend", r"attention_backend='(\w+)'"),
    LogFact("attention_backend", r"Use (\w+) (?:as|backend)"),
)


class SGLang(ServedBackend):
    """SGLang's OpenAI server."""

    name = "sglang"
    default_runtime: RuntimeName = "docker"
    # Without these nobody is told how much of a prompt was cached, nor anything by Prometheus.
    default_args: Mapping[str, ArgValue] = {"enable-cache-report": True, "enable-metrics": True}
    formats: tuple[str, ...] = ("safetensors",)
    apis: Mapping[Endpoint, Api] = MappingProxyType(
        {
            "chat": Api("openai-chat", COUNTED),
            "completions": Api("openai-completions", COUNTED),
            "native": Api("sglang-generate", {"sampling_params": EXACT}),
            # Their requests have no such fields: replies may end early.
            "responses": Api("openai-responses"),
            "messages": Api("anthropic-messages"),
        }
    )
    metrics_path: str | None = "/metrics"
    # It tells acceptance as a gauge of now, not as counters: nothing to take a difference of.
    metric_names = MetricNames(
        histograms={
            "server_ttft": ("sglang:time_to_first_token_seconds",),
            "server_queue": ("sglang:queue_time_seconds",),
        },
        cached=("sglang:cached_tokens_total",),
        prompt=("sglang:prompt_tokens_total",),
    )
    program: tuple[str, ...] = ("python3", "-m", "sglang.launch_server")
    container: Container | None = Container(
        ("python3", "-m", "sglang.launch_server"),
        caches=("/root/.cache/flashinfer", "/root/.triton"),
        shm_bytes=32 << 30,
    )
    images: Mapping[Accelerator, str] = {"cuda": "lmsysorg/sglang:{version}"}

    def identity(self, launch: Launch) -> Sequence[str]:
        """The model is an option like others."""
        return (
            *("--model-path", launch.model, "--served-model-name", launch.served_name),
            *("--host", launch.host, "--port", str(launch.port)),
        )

    def parallelism(
        self,
        deployment: Deployment,
        launch: Launch,  # noqa: ARG002
        args: Mapping[str, ArgValue],  # noqa: ARG002
    ) -> Sequence[str]:
        """Each has an option of its own."""
        sizes = {"tp": deployment.tp, "pp": deployment.pp, "dp": deployment.dp, "ep": deployment.ep}
        return [word for name, size in sizes.items() if size > 1 for word in (f"--{name}-size", str(size))]

    def api(self, endpoint: Endpoint, facts: Mapping[str, FactValue]) -> Api:
        """Look it up; whether `/generate` repeats the whole reply in every event, the server says."""
        api = super().api(endpoint, facts)
        if endpoint == "native" and facts.get("incremental_streaming_output"):
            return replace(api, dialect="sglang-generate-incremental")
        return api

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Return version, context length, KV capacity, attention backend.

        Only named facts are taken: the page holds all of the server's arguments, its key among them.
        """
        info = get_json(http, "/server_info") or get_json(http, "/get_server_info")
        return super().facts(http) | pick(
            info,
            version="version",
            context_length="context_length",
            kv_capacity="max_total_num_tokens",
            attention_backend="attention_backend",
            quantization="quantization",
            incremental_streaming_output="incremental_streaming_output",
        )

    def log_facts(self, log: Sequence[str]) -> dict[str, FactValue]:
        """Return KV capacity, attention backend, whether it uses graphs, and what it fell back to."""
        facts = read_log_facts(log, _LOG_FACTS)
        if any("disable_cuda_graph=True" in line for line in log):
            facts["graph_mode"] = "eager"
        return facts

    def count_tokens(self, http: httpx.Client, prompt: str, *, chat: bool) -> int | None:
        """Ask `/tokenize`, or for a chat, as that knows no template, what Anthropic's API counts there."""
        if chat:
            question = {"model": "any", "messages": [{"role": "user", "content": prompt}]}
            count = post_json(http, "/v1/messages/count_tokens", question).get("input_tokens")
            return count if isinstance(count, int) else None
        count = post_json(http, "/tokenize", {"prompt": prompt}).get("count")
        return count if isinstance(count, int) else None

    def cause(self, log: Sequence[str]) -> str | None:
        """Look for its own causes first: they say what to do."""
        return find_cause(log, {**_CAUSES, **COMMON})
