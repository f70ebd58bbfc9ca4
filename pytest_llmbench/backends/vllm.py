"""vLLM."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api, Container, Image, MetricNames
from pytest_llmbench.backends.causes import COMMON, find_cause
from pytest_llmbench.backends.generic import COUNTED, EXACT
from pytest_llmbench.backends.log_facts import LogFact, read_log_facts
from pytest_llmbench.backends.log_lines import last_lines, matching_lines
from pytest_llmbench.backends.served import ServedBackend
from pytest_llmbench.backends.wire import get_json, pick, post_json
from pytest_llmbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.backends.base import Accelerator, Launch
    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import ArgValue, Deployment, RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["VLLM"]

# `(EngineCore pid=123) ERROR 11-28 05:05:04 [core.py:402] `.
_SPEAKER = r"(?:\(\w+(?:[ _]\w+)* pid=\d+\) )*"
_PREFIX = re.compile(rf"^{_SPEAKER}(?:[A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] )?")
_TELLING = re.compile(
    rf"^{_SPEAKER}(?:vllm(?: serve)?: error|[\w.]*(?:Error|Exception|Interrupt): \S)"
    r"|\] [\w.]*(?:Error|Exception): \S|error: (?:unrecognized|argument)|validation error"
)
# What others report once one of them has failed.
_CONSEQUENCE = re.compile(
    r"Engine core initialization failed|See root cause above|WorkerProc initialization failed"
)

_CAUSES = {
    r"No available memory for the cache blocks|Available KV cache memory: -"
    r"|larger than the available KV cache|Free memory on device .* is less than desired": (
        "the GPU has too little free memory for the KV cache: lower max-model-len or gpu-memory-utilization"
    ),
    r"is not a local folder and is not a valid model|Repo id must be|does not appear to have a file named"
    r"|Invalid repository ID or local directory|[Cc]an't load the configuration"
    r"|No such file or directory: '[^']*config\.json'": "the model could not be loaded",
    r"is not divisible by|must be divisible by": "the model cannot be split over so many GPUs",
    r"error: argument --?[\w-]+": "an engine argument is wrong",
}

# Its kernels for the CPU need GCC 12.3, and it needs Python 3.11.
_CPU = {"BUILD_BASE": "ubuntu:24.04", "BASE": "ubuntu:24.04"}

_LOG_FACTS = (
    LogFact("kv_capacity", r"KV cache size: ([\d,]+) tokens", "int"),
    LogFact("kv_bytes", r"Available KV cache memory: ([\d.]+) GiB", "GiB"),
    LogFact("kv_bytes", r"Explicitly set \(([\d.]+)/[\d.]+\) GiB for KV cache", "GiB"),
    LogFact("attention_backend", r"Using (\w+) (?:attention )?backend"),
    LogFact("attention_backend", r"Using AttentionBackendEnum\.(\w+) backend"),
    LogFact("architecture", r"Resolved architecture: (\w+)"),
    LogFact("graph_mode", r"'cudagraph_mode': <CUDAGraphMode\.(\w+)"),
    LogFact("dtype", r"Initializing a V1 LLM engine .*?dtype=(?:torch\.)?(\w+)"),
    LogFact("quantization", r"Initializing a V1 LLM engine .*?quantization=(?!None)(\w+)"),
)


class VLLM(ServedBackend):
    """vLLM's OpenAI server."""

    name = "vllm"
    default_runtime: RuntimeName = "docker"
    # Without it nobody is told how much of a prompt came out of the prefix cache.
    default_args: Mapping[str, ArgValue] = {"enable-prompt-tokens-details": True}
    formats: tuple[str, ...] = ("safetensors",)
    apis: Mapping[Endpoint, Api] = MappingProxyType(
        {
            "chat": Api("openai-chat", COUNTED),
            "completions": Api("openai-completions", COUNTED),
            "responses": Api("openai-responses", EXACT),
            # Its requests have no such fields: replies may end early.
            "messages": Api("anthropic-messages"),
        }
    )
    metrics_path: str | None = "/metrics"
    metric_names = MetricNames(
        histograms={
            "server_ttft": ("vllm:time_to_first_token_seconds",),
            "server_queue": ("vllm:request_queue_time_seconds",),
            "server_prefill": ("vllm:request_prefill_time_seconds",),
            "server_decode": ("vllm:request_decode_time_seconds",),
        },
        cached=("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
        prompt=("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"),
        accepted=("vllm:spec_decode_num_accepted_tokens_total",),
        drafts=("vllm:spec_decode_num_drafts_total",),
    )
    program: tuple[str, ...] = ("vllm", "serve")
    container: Container | None = Container(
        ("vllm", "serve"), caches=("/root/.cache/vllm", "/root/.triton"), shm_bytes=8 << 30
    )
    images: Mapping[Accelerator, str] = {
        "cuda": "vllm/vllm-openai:{version}",
        "rocm": "vllm/vllm-openai-rocm:{version}",
        "cpu": "vllm/vllm-openai-cpu:{version}",
    }
    key_env = "VLLM_API_KEY"

    def built(self, deployment: Deployment, accelerator: Accelerator) -> Image:
        """Build `docker/vllm` at that version."""
        if accelerator == "rocm":
            return super().built(deployment, accelerator)
        reference = deployment.image or f"llmbench/vllm:{accelerator}-{deployment.version}"
        args = {"VERSION": str(deployment.version), "TARGET": accelerator}
        return Image(reference, "vllm", args | (_CPU if accelerator == "cpu" else {}))

    def identity(self, launch: Launch) -> Sequence[str]:
        """The model stands by itself."""
        return (
            launch.model,
            *("--served-model-name", launch.served_name),
            *("--host", launch.host, "--port", str(launch.port)),
        )

    def parallelism(
        self,
        deployment: Deployment,
        launch: Launch,  # noqa: ARG002
        args: Mapping[str, ArgValue],  # noqa: ARG002
    ) -> Sequence[str]:
        """Experts are spread over all ranks or not at all."""
        ranks = deployment.tp * deployment.dp
        if deployment.ep not in {1, ranks}:
            message = f"{deployment.id}: vllm spreads experts over tp x dp GPUs: ep must be {ranks} or 1"
            raise UsageError(message)
        sizes = (("tensor", deployment.tp), ("pipeline", deployment.pp), ("data", deployment.dp))
        words = [word for name, size in sizes if size > 1 for word in (f"--{name}-parallel-size", str(size))]
        return [*words, "--enable-expert-parallel"] if deployment.ep > 1 else words

    def environment(self, deployment: Deployment, launch: Launch) -> dict[str, str]:
        """Keep it from reporting its use."""
        return super().environment(deployment, launch) | {"VLLM_NO_USAGE_STATS": "1"}

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Return version and context length."""
        return super().facts(http) | pick(get_json(http, "/version"), version="version")

    def log_facts(self, log: Sequence[str]) -> dict[str, FactValue]:
        """Return KV capacity and bytes, attention backend, graph mode, types, and what it fell back to."""
        facts = read_log_facts(log, _LOG_FACTS)
        if any("Enforce eager set" in line for line in log):
            facts["graph_mode"] = "eager"
        return facts

    def count_tokens(self, http: httpx.Client, prompt: str, *, chat: bool) -> int | None:
        """Ask `/tokenize`, which applies the chat template to messages."""
        question: dict[str, object] = (
            {"messages": [{"role": "user", "content": prompt}], "add_generation_prompt": True}
            if chat
            else {"prompt": prompt, "add_special_tokens": True}
        )
        count = post_json(http, "/tokenize", question).get("count")
        return count if isinstance(count, int) else None

    def telling_lines(self, log: Sequence[str]) -> list[str]:
        """Return the lines that report an error, without who says it and when; else the last ones."""
        lines = [line for line in log if not _CONSEQUENCE.search(line)]
        return matching_lines(lines, _TELLING, _PREFIX) or last_lines(log)

    def cause(self, log: Sequence[str]) -> str | None:
        """Look for its own causes first: they say what to do."""
        return find_cause(log, {**_CAUSES, **COMMON})
