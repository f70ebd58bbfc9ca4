"""How a workload is asked: so many streams, or so many requests a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.workloads import arrivals

if TYPE_CHECKING:
    from pytest_llmbench.workloads.arrivals import Arrivals, Seed
    from pytest_llmbench.workloads.replay import Replay

__all__ = ["PROCESSES", "ArrivalProcess", "Load", "rate_id"]

PROCESSES = ("poisson", "constant", "gamma", "ramp")


@dataclass(frozen=True, slots=True)
class ArrivalProcess:
    """An open loop: requests come when they come, whether or not earlier ones were answered.

    `rate` and `rate_to` are in requests/s; `rate_to` is where a ramp ends. `burstiness` is the shape of the
    gamma distribution of gaps: 1 is Poisson, below is burstier.

    Raises:
        UsageError: there is no such process, or it lacks what it needs.
    """

    kind: str
    rate: float
    burstiness: float = 1.0
    rate_to: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in PROCESSES:
            message = f"unknown arrival process {self.kind!r}: {nearest(self.kind, PROCESSES)}"
            raise UsageError(message)
        if (self.kind == "ramp") != (self.rate_to is not None):
            message = "a ramp, and only a ramp, needs the rate it ends at"
            raise UsageError(message)

    @property
    def id(self) -> str:
        """The load's part of a cell: `poisson.r0008`."""
        burstiness = f".b{self.burstiness:g}" if self.kind == "gamma" else ""
        end = f"-{rate_id(self.rate_to)}" if self.rate_to is not None else ""
        return f"{self.kind}{burstiness}.{rate_id(self.rate)}{end}"

    def draw(self, *, seed: Seed, count: int, duration: float | None) -> Arrivals:
        """Draw `count` arrivals, or those of `duration` seconds if that is given.

        Raises:
            UsageError: a number is out of range, or a ramp has no duration.
        """
        amount = {"count": count} if duration is None else {"duration": duration}
        match self.kind:
            case "constant":
                return arrivals.constant(self.rate, **amount)
            case "gamma":
                return arrivals.gamma(self.rate, self.burstiness, seed=seed, **amount)
            case "poisson":
                return arrivals.poisson(self.rate, seed=seed, **amount)
        if duration is None:
            message = "a ramp needs a duration: duration=SECONDS, or --bench-duration"
            raise UsageError(message)
        return arrivals.ramp(self.rate, self.rate_to or 0.0, duration)


@dataclass(frozen=True, slots=True)
class Load:
    """A closed loop of `concurrency` streams, or an open loop if there are arrivals.

    Attributes:
        concurrency: streams of a closed loop; in an open one the most requests under way, 0 for any number.
        requests: measured requests; 0 if there is a duration, for as many as that takes.
        warmup: requests before the window, in a closed loop either way.
        arrivals: the process that requests come by, or recorded ones to replay.
        duration: seconds after which no more requests are sent.
    """

    concurrency: int
    requests: int
    warmup: int
    arrivals: ArrivalProcess | Replay | None = None
    duration: float | None = None

    @property
    def streams(self) -> int | None:
        """How many requests a closed loop keeps under way; None for an open one."""
        return self.concurrency if self.arrivals is None else None

    @property
    def is_steady(self) -> bool:
        """Whether the load is the same all the time, once it has begun."""
        return self.arrivals is None or self.arrivals.kind not in {"ramp", "replay"}

    @property
    def id(self) -> str:
        """The load's part of a cell: `c008`, `poisson.r0008`."""
        if self.arrivals is None:
            return f"c{self.concurrency:03d}"
        limit = f".c{self.concurrency:03d}" if self.concurrency else ""
        return f"{self.arrivals.id}{limit}"


def rate_id(rate: float) -> str:
    """Write a rate for an id, zero-padded so that `-k r0001` cannot mean `r0016`."""
    whole, _, fraction = f"{rate:g}".partition(".")
    return f"r{whole:>04}{'.' + fraction if fraction else ''}"
