"""What llama.cpp and its relatives agree on: the HTTP server."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api, Container, Image
from pytest_llmbench.backends.causes import COMMON, find_cause
from pytest_llmbench.backends.generic import EXACT
from pytest_llmbench.backends.log_facts import LogFact, read_log_facts
from pytest_llmbench.backends.log_lines import last_lines, matching_lines
from pytest_llmbench.backends.served import ServedBackend
from pytest_llmbench.backends.wire import get_json, pick, post_json, served_models
from pytest_llmbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.backends.base import Accelerator, Launch
    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import ArgValue, Deployment
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["LlamaFamily"]

# `0.01.211.114 E srv load_model: ...` or, from older versions, `llama_model_load: error loading model`.
_STAMP = re.compile(r"^\d+\.\d\d\.\d{3}\.\d{3} (?:[A-Z] )?")
_TELLING = re.compile(
    r"^\d+\.\d\d\.\d{3}\.\d{3} E |\berror\b|\bfailed\b|\bunable to\b|^\w*Error: ", re.IGNORECASE
)

_CUDA = {
    "CUDA": "ON",
    "BUILD_BASE": "nvidia/cuda:12.8.1-devel-ubuntu24.04",
    "BASE": "nvidia/cuda:12.8.1-runtime-ubuntu24.04",
}
_CAUSES = {
    r"failed to load model|failed to open GGUF|unable to load model": "the model could not be loaded",
}
# At its usual verbosity the server tells none of these: they need `log-verbosity: 4`.
_LOG_FACTS = (
    LogFact("kv_bytes", r"llama_kv_cache\w*: size = *([\d.]+) MiB", "MiB"),
    LogFact("kv_capacity", r"llama_kv_cache\w*: size = .*?\( *(\d+) cells", "int"),
    LogFact("flash_attention", r"Flash Attention was auto, set to (\w+)"),
    LogFact("flash_attention", r"flash_attn += (\w+)"),
)


class LlamaFamily(ServedBackend):
    """llama.cpp's server API."""

    formats: tuple[str, ...] = ("gguf",)
    apis: Mapping[Endpoint, Api] = MappingProxyType(
        {
            "chat": Api("openai-chat", EXACT),
            "completions": Api("openai-completions", EXACT),
            "native": Api("llama-completion", EXACT),
            # It drops what Anthropic's API does not know, so replies may end early.
            "messages": Api("anthropic-messages"),
        }
    )
    metrics_path: str | None = "/metrics"
    program: tuple[str, ...] = ("llama-server",)
    container: Container | None = Container(("/app/llama-server",))

    split_tensors = "row"
    """The split mode that has all GPUs work on one token, as tensor parallelism does elsewhere."""
    key_env = "LLAMA_API_KEY"

    def built(self, deployment: Deployment, accelerator: Accelerator) -> Image:
        """Build `docker/<engine>` at that version, for the CPU or for CUDA."""
        if accelerator == "rocm":
            message = (
                f"{deployment.id}: docker/{self.name} builds for the CPU and for CUDA; name an image for ROCm"
            )
            raise UsageError(message)
        args = {"VERSION": str(deployment.version), **(_CUDA if accelerator == "cuda" else {})}
        reference = deployment.image or f"llmbench/{self.name}:{accelerator}-{deployment.version}"
        return Image(reference, self.name, args)

    def identity(self, launch: Launch) -> Sequence[str]:
        """Name the file, the alias and the address."""
        return (
            *("--model", launch.model, "--alias", launch.served_name),
            *("--host", launch.host, "--port", str(launch.port)),
        )

    def parallelism(
        self, deployment: Deployment, launch: Launch, args: Mapping[str, ArgValue]
    ) -> Sequence[str]:
        """Spread over GPUs by layers, or with TP by tensors, in equal shares; without GPUs use none."""
        self.refuse(deployment, "pp", "dp", "ep")
        if deployment.tp > max(1, launch.gpus):
            message = (
                f"{deployment.id}: {self.name} splits tensors over GPUs only:"
                f" tp {deployment.tp}, gpus {launch.gpus}"
            )
            raise UsageError(message)
        if not launch.gpus:
            return self._unless(args, "n-gpu-layers", "0")
        if launch.gpus == 1:
            return self._unless(args, "split-mode", "none")
        if 1 < deployment.tp < launch.gpus:
            message = (
                f"{deployment.id}: {self.name} splits tensors over all GPUs or none:"
                f" tp {deployment.tp}, gpus {launch.gpus}"
            )
            raise UsageError(message)
        mode = self.split_tensors if deployment.tp > 1 else "layer"
        return [
            *self._unless(args, "split-mode", mode),
            *self._unless(args, "tensor-split", ",".join(["1"] * launch.gpus)),
        ]

    def _unless(self, args: Mapping[str, ArgValue], name: str, value: str) -> list[str]:
        return [] if name in args else [self.table.spelled(name), value]

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Return version, slots, context length of one slot, parameters, bytes and type of the weights."""
        facts = pick(
            get_json(http, "/props"),
            version="build_info",
            slots="total_slots",
            context_length="default_generation_settings.n_ctx",
            quantization="model_ftype",
        )
        for model in served_models(http)[:1]:
            facts |= pick(
                model,
                parameters="meta.n_params",
                weight_bytes="meta.size",
                vocabulary="meta.n_vocab",
                quantization="meta.ftype",
            )
        return facts

    def log_facts(self, log: Sequence[str]) -> dict[str, FactValue]:
        """Return the KV cache's bytes, attention and graphs, and what it fell back to."""
        return read_log_facts(log, _LOG_FACTS)

    def count_tokens(self, http: httpx.Client, prompt: str, *, chat: bool) -> int | None:
        """Apply the server's own chat template, then tokenize as the server would."""
        text: object = prompt
        if chat:
            message = {"role": "user", "content": prompt}
            text = post_json(http, "/apply-template", {"messages": [message]}).get("prompt")
            if text is None:
                return None
        question = {"content": text, "add_special": True, "parse_special": True}
        tokens = post_json(http, "/tokenize", question).get("tokens")
        return len(tokens) if isinstance(tokens, list) else None

    def telling_lines(self, log: Sequence[str]) -> list[str]:
        """Return the lines that report an error, without their time stamps; else the last ones."""
        return matching_lines(log, _TELLING, _STAMP) or last_lines(log)

    def cause(self, log: Sequence[str]) -> str | None:
        """Look for what engines have in common first, as it says more."""
        return find_cause(log, {**COMMON, **_CAUSES})
