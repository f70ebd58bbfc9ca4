"""What the load generator is told, and what it returns: both cross a process boundary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_llmbench.client.trace import RequestTrace

__all__ = ["LoadOutcome", "LoadPlan", "Progress", "Timeouts"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `total` bounds one request from its start to the end of its stream."""

    connect: float = 10.0
    total: float = 300.0


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """A closed loop: `concurrency` streams, each sending its next request when its last one ended.

    Attributes:
        base_url: of the server, without `/v1`.
        headers: sent with every request; may hold a key, so the repr leaves them out.
        dialect: name of the stream dialect.
        bodies: one JSON body a request; the first `warmup` of them are not measured.
        keep_text: store the generated text in the traces.
    """

    base_url: str
    dialect: str
    bodies: tuple[bytes, ...] = field(repr=False)
    concurrency: int
    warmup: int = 0
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    keep_text: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running plan is, warm-up included."""

    finished: int
    failed: int
    total: int


@dataclass(slots=True)
class LoadOutcome:
    """What came of a plan.

    Attributes:
        traces: one a request, in the order of the plan, warm-up included.
        began: start of the window (ns, CLOCK_REALTIME): warm-up is over.
        ended: end of the window (ns): the last measured request is over.
        cpu_share: CPU time of the generator / duration of the window; 1.0 is one core.
    """

    traces: list[RequestTrace]
    began: int
    ended: int
    cpu_share: float
