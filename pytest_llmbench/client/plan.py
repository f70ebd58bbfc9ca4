"""What the load generator is told, and what it returns: both cross a process boundary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmbench.client.trace import Failure

if TYPE_CHECKING:
    from pytest_llmbench.client.trace import RequestTrace

__all__ = ["Go", "LoadOutcome", "LoadPlan", "Progress", "Ready", "Replies", "Timeouts"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds.

    `total` bounds one request from its start to the end of its stream; `first` from its start to the first
    bytes of the answer's body, `gap` the silence between any two reads after them. None: as `total` allows.
    """

    connect: float = 10.0
    total: float = 300.0
    first: float | None = None
    gap: float | None = None

    def broken_by(self, silence: int, *, heard: bool) -> Failure | None:
        """Return what a silence (ns), after something was `heard` or before, is called if it is too long."""
        limit = self.gap if heard else self.first
        if limit is None or silence <= limit * 1e9:
            return None
        what = f"silent for {limit:g} s in mid-stream" if heard else f"no answer within {limit:g} s"
        return Failure("timeout", what)


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to send, and when.

    A closed loop, unless `arrivals` says otherwise: `concurrency` streams, each sending its next request when
    its last one ended. An open loop: every measured request is sent when it is due, however many are under
    way, up to `concurrency` of them if that is not 0; what that holds back shows as `send_delay`.

    Attributes:
        base_url: of the server, without `/v1`.
        proxy: to go through; then times are those of reading, not the kernel's.
        headers: sent with every request; may hold a key, so the repr leaves them out.
        dialect: name of the stream dialect.
        bodies: one JSON body a request; the first `warmup` of them are not measured.
        arrivals: for each measured request, when it is due, in ns from the start of the window.
        duration: no request is sent later than so many seconds into the window; those that were not are
            absent from the outcome.
        keep_text: store the generated text in the traces, and tell of replies as they end (`Replies`).
        process: which of the generator's processes carries it out, if they share it.
        cores: where they may run, those of the server left out; empty for anywhere.
    """

    base_url: str
    dialect: str
    bodies: tuple[bytes, ...] = field(repr=False)
    concurrency: int
    warmup: int = 0
    arrivals: tuple[int, ...] | None = field(default=None, repr=False)
    duration: float | None = None
    proxy: str | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    keep_text: bool = False
    process: int = 0
    cores: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running plan is, warm-up included."""

    finished: int
    failed: int
    total: int


@dataclass(frozen=True, slots=True)
class Replies:
    """Requests of a running plan that have ended since the last such message, those of the warm-up too."""

    traces: tuple[RequestTrace, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """The warm-up is over."""


@dataclass(frozen=True, slots=True)
class Go:
    """The window begins at this moment (ns, CLOCK_REALTIME), for all processes that share a plan."""

    at: int


@dataclass(slots=True)
class LoadOutcome:
    """What came of a plan.

    Attributes:
        traces: one a request that was sent, in the order of the plan, warm-up included.
        began: start of the window (ns, CLOCK_REALTIME): warm-up is over.
        ended: end of the window (ns): the last measured request is over.
        cpu_share: CPU time of the generator / duration of the window; 1.0 is one core. Of several processes
            that of the busiest.
        clock_step: largest change (s) of CLOCK_REALTIME against CLOCK_MONOTONIC within about a second of the
            window; what a clock that is being adjusted does is far below a millisecond.
        real_time: the generator had priority over everything else that wanted a core.
        cores: those it stayed on, one a process; empty if it was not pinned.
        ran_out: a stream of a closed loop had nothing left to send before the plan's `duration` was over.
    """

    traces: list[RequestTrace]
    began: int
    ended: int
    cpu_share: float
    clock_step: float = 0.0
    real_time: bool = False
    cores: tuple[int, ...] = ()
    ran_out: bool = False
