"""What llama.cpp and its relatives agree on: the HTTP server."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api
from pytest_llmbench.backends.generic import EXACT, GenericBackend
from pytest_llmbench.backends.log_lines import last_lines, matching_lines
from pytest_llmbench.backends.wire import get_json, pick, post_json, served_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["LlamaFamily"]

# `0.01.211.114 E srv load_model: ...` or, from older versions, `llama_model_load: error loading model`.
_STAMP = re.compile(r"^\d+\.\d\d\.\d{3}\.\d{3} (?:[A-Z] )?")
_TELLING = re.compile(
    r"^\d+\.\d\d\.\d{3}\.\d{3} E |\berror\b|\bfailed\b|\bunable to\b|^\w*Error: ", re.IGNORECASE
)


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
