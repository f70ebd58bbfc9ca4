"""SGLang."""

from __future__ import annotations

from dataclasses import replace
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

__all__ = ["SGLang"]


class SGLang(GenericBackend):
    """SGLang's OpenAI server. Its arguments change with every release and are not checked here."""

    name = "sglang"
    default_runtime: RuntimeName = "docker"
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

    def count_tokens(self, http: httpx.Client, prompt: str, *, chat: bool) -> int | None:
        """Ask `/tokenize`, or for a chat, as that knows no template, what Anthropic's API counts there."""
        if chat:
            question = {"model": "any", "messages": [{"role": "user", "content": prompt}]}
            count = post_json(http, "/v1/messages/count_tokens", question).get("input_tokens")
            return count if isinstance(count, int) else None
        count = post_json(http, "/tokenize", {"prompt": prompt}).get("count")
        return count if isinstance(count, int) else None
