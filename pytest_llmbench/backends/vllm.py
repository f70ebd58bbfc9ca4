"""vLLM."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api
from pytest_llmbench.backends.generic import COUNTED, EXACT, GenericBackend
from pytest_llmbench.backends.wire import get_json, pick, post_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["VLLM"]


class VLLM(GenericBackend):
    """vLLM's OpenAI server. Its arguments change with every release and are not checked here."""

    name = "vllm"
    default_runtime: RuntimeName = "docker"
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
