"""What llama.cpp and its relatives agree on: the HTTP server."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api, Container, Image
from pytest_llmbench.backends.causes import COMMON, find_cause
from pytest_llmbench.backends.generic import EXACT, GenericBackend
from pytest_llmbench.backends.log_lines import last_lines, matching_lines
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


class LlamaFamily(GenericBackend):
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
    images: str = ""
    """Repository of the published images; empty if there are none."""
    program: tuple[str, ...] = ("llama-server",)
    container: Container | None = Container(("/app/llama-server",))

    def image(self, deployment: Deployment, accelerator: Accelerator) -> Image:
        """Pull the project's own server image of that release, or build one from source."""
        if deployment.image and deployment.image_type != "build":
            return Image(deployment.image)
        if not deployment.version:
            message = f"{deployment.id}: name a version (a release tag or a commit) or an image"
            raise UsageError(message)
        if deployment.image_type == "build" or not self.images:
            return _built(self.name, deployment, accelerator)
        variant = "" if accelerator == "cpu" else f"-{accelerator}"
        return Image(f"{self.images}:server{variant}-{deployment.version}")

    def command(self, deployment: Deployment, launch: Launch) -> list[str]:
        """Write the arguments as options; true and false as `--name` and `--no-name`."""
        args: dict[str, ArgValue] = {**self.default_args, **dict(deployment.args)}
        command = [
            *launch.program,
            *("--model", launch.model, "--alias", launch.served_name),
            *("--host", launch.host, "--port", str(launch.port)),
        ]
        for name, value in args.items():
            command += _option(name, value)
        return command

    def environment(self, deployment: Deployment, launch: Launch) -> dict[str, str]:
        """Give the key by a variable: the command line can be seen by every process of the host."""
        key = {"LLAMA_API_KEY": str(launch.api_key)} if launch.api_key else {}
        return super().environment(deployment, launch) | key

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


def _built(name: str, deployment: Deployment, accelerator: Accelerator) -> Image:
    if accelerator == "rocm":
        message = f"{deployment.id}: docker/{name} builds for the CPU and for CUDA; name an image for ROCm"
        raise UsageError(message)
    args = {"VERSION": str(deployment.version)}
    if accelerator == "cuda":
        args |= _CUDA
    reference = deployment.image or f"llmbench/{name}:{accelerator}-{deployment.version}"
    return Image(reference, name, args)


def _option(name: str, value: ArgValue) -> list[str]:
    if value is True:
        return [f"--{name}"]
    if value is False:
        return [f"--no-{name}"]
    return [f"--{name}", str(value)]
