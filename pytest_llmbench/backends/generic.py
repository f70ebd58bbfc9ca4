"""What holds for an engine of which nothing is known but that it speaks the OpenAI protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.backends.log_lines import last_lines
from pytest_llmbench.backends.wire import pick, served_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import ArgValue, RuntimeName

__all__ = ["GenericBackend"]


class GenericBackend:
    """The base of the engines: each overrides where it can do better. See `Backend` for the contract."""

    name: str = "openai"
    default_runtime: RuntimeName = "external"
    default_args: Mapping[str, ArgValue] = {}
    formats: tuple[str, ...] = ()
    request_extras: Mapping[str, object] = {}
    metrics_path: str | None = None

    def check_args(self, args: Mapping[str, ArgValue]) -> None:
        """Accept everything: this engine's arguments differ between versions and are its own to judge."""

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Return the context length where `/v1/models` gives one, as vLLM and SGLang do."""
        models = served_models(http)
        return pick(models[0], context_length="max_model_len") if models else {}

    def count_tokens(self, http: httpx.Client, prompt: str, *, chat: bool) -> int | None:  # noqa: ARG002
        """Return None: the protocol has no way to ask."""
        return None

    def telling_lines(self, log: Sequence[str]) -> list[str]:
        """Return the last lines that are not noise."""
        return last_lines(log)
