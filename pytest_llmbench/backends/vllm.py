"""vLLM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.backends.generic import GenericBackend
from pytest_llmbench.backends.wire import get_json, pick, post_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import RuntimeName

__all__ = ["VLLM"]


class VLLM(GenericBackend):
    """vLLM's OpenAI server. Its arguments change with every release and are not checked here."""

    name = "vllm"
    default_runtime: RuntimeName = "docker"
    formats: tuple[str, ...] = ("safetensors",)
    request_extras: Mapping[str, object] = {"ignore_eos": True}
    metrics_path: str | None = "/metrics"

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Return version and context length."""
        return super().facts(http) | pick(get_json(http, "/version"), version="version")

    def count_tokens(self, http: httpx.Client, prompt: str, *, chat: bool) -> int | None:
        """Ask `/tokenize`, which applies the chat template to messages."""
        question: dict[str, object] = (
            {"messages": [{"role": "user", "content": prompt}], "add_generation_prompt": True}
            if chat
            else {"prompt": prompt, "add_special_tokens": True}
        )
        count = post_json(http, "/tokenize", question).get("count")
        return count if isinstance(count, int) else None
