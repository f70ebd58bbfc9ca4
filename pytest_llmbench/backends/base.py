"""What a backend is: an engine, and what the rest of the package must know about it.

One module an engine behind `Backend`; `pytest_llmbench.backends.BACKENDS` names them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.runtimes.server import FactValue
    from pytest_llmbench.spec.deployment import ArgValue, RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["Api", "Backend"]


@dataclass(frozen=True, slots=True)
class Api:
    """How an engine speaks at one endpoint.

    Attributes:
        dialect: name of the stream dialect.
        extras: fields added to every request body so that exactly as many tokens are generated as asked
            for, and counted with every chunk, as far as the engine can be told so at this endpoint.
    """

    dialect: str
    extras: Mapping[str, object] = field(default_factory=dict)


class Backend(Protocol):
    """An engine.

    Attributes:
        name: as in the configuration.
        default_runtime: where it runs when the configuration does not say.
        default_args: engine arguments below every other source.
        formats: weight formats it loads, best first: `gguf`, `safetensors`.
        metrics_path: where its Prometheus metrics are; None if it has none.
    """

    name: str
    default_runtime: RuntimeName
    default_args: Mapping[str, ArgValue]
    formats: tuple[str, ...]
    metrics_path: str | None

    def api(self, endpoint: Endpoint, facts: Mapping[str, FactValue]) -> Api:
        """Say how to speak to a server, which reported these facts, at a workload's endpoint.

        Raises:
            UsageError: the engine has no such endpoint; it names those there are.
        """

    def check_args(self, args: Mapping[str, ArgValue]) -> None:
        """Reject engine arguments that cannot be, before anything starts.

        Raises:
            UsageError: naming the argument and the nearest valid one.
        """

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Ask a running server about itself; what it does not tell is absent.

        `http` has the base URL and the authorization header set.
        """

    def count_tokens(self, http: httpx.Client, prompt: str, *, chat: bool) -> int | None:
        """Count the tokens of `prompt` as the server's `usage.prompt_tokens` would, generating nothing.

        With `chat`, as the one user message inside the chat template. None if the server cannot say.
        """

    def telling_lines(self, log: Sequence[str]) -> list[str]:
        """The lines of a failed start's log that tell the cause, at most eight, noise left out."""
