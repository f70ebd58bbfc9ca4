"""What holds for an engine of which nothing is known but that it speaks the OpenAI protocol."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Api, Image, MetricNames
from pytest_llmbench.backends.causes import find_cause
from pytest_llmbench.backends.log_lines import last_lines
from pytest_llmbench.backends.wire import pick, served_models
from pytest_llmbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.backends.base import Accelerator, Container, Launch
    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import ArgValue, Deployment, RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["COUNTED", "EXACT", "GenericBackend"]

EXACT: Mapping[str, object] = MappingProxyType({"ignore_eos": True})
"""Generate as many tokens as were asked for; a field of the engines, not of the protocol."""

COUNTED: Mapping[str, object] = MappingProxyType(
    {**EXACT, "stream_options": {"continuous_usage_stats": True}}
)
"""Likewise, and count the tokens of every chunk, without which one that holds several has no ITL."""


class GenericBackend:
    """The base of the engines: each overrides where it can do better. See `Backend` for the contract."""

    name: str = "openai"
    default_runtime: RuntimeName = "external"
    default_args: Mapping[str, ArgValue] = {}
    formats: tuple[str, ...] = ()
    apis: Mapping[Endpoint, Api] = MappingProxyType(
        {
            "chat": Api("openai-chat"),
            "completions": Api("openai-completions"),
            "responses": Api("openai-responses"),
            "messages": Api("anthropic-messages"),
        }
    )
    metrics_path: str | None = None
    metric_names: MetricNames = MetricNames()
    health_path: str = "/health"
    program: tuple[str, ...] = ()
    container: Container | None = None

    def api(self, endpoint: Endpoint, facts: Mapping[str, FactValue]) -> Api:  # noqa: ARG002
        """Look it up in `apis`."""
        found = self.apis.get(endpoint)
        if found is None:
            message = f"{self.name} has no endpoint '{endpoint}'; it has {', '.join(self.apis)}"
            raise UsageError(message)
        return found

    def served_as(self, launch: Launch) -> str:
        """Return the name it was given."""
        return launch.served_name

    def check_args(self, args: Mapping[str, ArgValue], runtime: RuntimeName) -> None:
        """Accept everything: nothing is known of its arguments."""

    def image(self, deployment: Deployment, accelerator: Accelerator) -> Image:  # noqa: ARG002
        """Take the image that the deployment names; there is no other."""
        if deployment.image and deployment.image_type != "build":
            return Image(deployment.image)
        message = f"{deployment.id}: name an image; nothing is known of images of {self.name}"
        raise UsageError(message)

    def command(self, deployment: Deployment, launch: Launch) -> list[str]:  # noqa: ARG002
        """Refuse: nothing is known of its command line."""
        message = f"{deployment.id}: {self.name} can be measured where it runs, not started"
        raise UsageError(message)

    def environment(self, deployment: Deployment, launch: Launch) -> dict[str, str]:  # noqa: ARG002
        """Return what keeps an engine from asking the network: its weights are there already."""
        return {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Return the context length where `/v1/models` gives one, as vLLM and SGLang do."""
        models = served_models(http)
        return pick(models[0], context_length="max_model_len") if models else {}

    def log_facts(self, log: Sequence[str]) -> dict[str, FactValue]:  # noqa: ARG002
        """Return nothing: nothing is known of its log."""
        return {}

    def count_tokens(self, http: httpx.Client, prompt: str, *, chat: bool) -> int | None:  # noqa: ARG002
        """Return None: the protocol has no way to ask."""
        return None

    def telling_lines(self, log: Sequence[str]) -> list[str]:
        """Return the last lines that are not noise."""
        return last_lines(log)

    def cause(self, log: Sequence[str]) -> str | None:
        """Look for what engines have in common."""
        return find_cause(log)
