"""A server: a running deployment, as the rest of the package sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["FactValue", "Secret", "Server"]

FactValue = str | int | float | bool | None


class Secret(str):
    """A string that never shows itself in a repr, so that no traceback or assertion prints it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True, slots=True, repr=False)
class Server:
    """Where a deployment listens and what it said about itself.

    Attributes:
        base_url: scheme, host and port, without `/v1` and without a trailing slash.
        served_model: the name to put into requests.
        facts: what the server reported: `version`, `context_length`, `slots`, ...
        ready_seconds: from starting it, or finding it, to its first healthy answer.
        log: the file its output goes to; None for one that ran already, external or kept.
        client_cores: where whoever measures it should run; empty for anywhere.
        outlives: it may have served others before, or will, so that its caches are not ours alone.
    """

    deployment: Deployment
    base_url: str
    served_model: str
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    api_key: Secret | None = None
    ready_seconds: float = 0.0
    log: Path | None = None
    client_cores: tuple[int, ...] = ()
    outlives: bool = False

    def __repr__(self) -> str:
        return f"<server of {self.deployment.id} at {self.base_url}>"

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers every request to this server needs."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
