"""How much is asked: what the test says, what the options say, and what is usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import UsageError
from pytest_llmbench.workloads.loads import ArrivalProcess, Load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.settings import Settings
    from pytest_llmbench.workloads.replay import Replay

__all__ = ["AskedLoad", "settle_load", "settle_replay"]

_LEAST_REQUESTS = 16
_REQUESTS_A_STREAM = 6  # enough for a steady state between the streams' start and their end
_OPEN_WARMUP = 4


@dataclass(frozen=True, slots=True)
class AskedLoad:
    """The arguments of one call of `bench`; None where it says nothing."""

    concurrency: int | None = None
    rate: float | tuple[float, float] | None = None
    arrival: str | None = None
    burstiness: float | None = None
    duration: float | None = None
    requests: int | None = None
    warmup: int | None = None


def settle_load(settings: Settings, marker: Mapping[str, Any], asked: AskedLoad) -> Load:
    """Settle the load of one measurement: marker over options over the call over the usual.

    A duration takes the place of a number of requests, wherever that was given.

    Raises:
        UsageError: a number is out of range, or there is no such arrival process.
    """
    _check(asked)

    def settled(name: str) -> Any:  # noqa: ANN401 - of each option's own type
        value = settings.get(name, marker)
        return getattr(asked, name) if value is None else value

    warmup, duration = settled("warmup"), settled("duration")
    requests = settled("requests") if duration is None else 0
    if asked.rate is None:
        streams = asked.concurrency or 1
        usual = max(_LEAST_REQUESTS, _REQUESTS_A_STREAM * streams)
        return Load(streams, _or(requests, usual), _or(warmup, streams), duration=duration)
    process = _process(asked.rate, settled("arrival"), settled("burstiness"))
    return Load(
        asked.concurrency or 0,
        _or(requests, _LEAST_REQUESTS),
        _or(warmup, _OPEN_WARMUP),
        process,
        duration,
    )


def settle_replay(
    settings: Settings, marker: Mapping[str, Any], replay: Replay, *, limit: int | None
) -> Load:
    """Settle how much of a replay is sent: all, `limit` requests, or what the options of other loads say.

    Raises:
        UsageError: that is nothing.
    """
    warmup, duration = settings.get("warmup", marker), settings.get("duration", marker)
    requests = settings.get("requests", marker) if duration is None else None
    part = replay.first(count=limit if requests is None else requests, seconds=duration)
    return Load(0, len(part.requests), _or(warmup, _OPEN_WARMUP), part)


def _process(
    rate: float | tuple[float, float], arrival: str | None, burstiness: float | None
) -> ArrivalProcess:
    if isinstance(rate, tuple):
        return ArrivalProcess("ramp", *rate[:1], rate_to=rate[1])
    if burstiness is not None and arrival in {None, "gamma"}:
        return ArrivalProcess("gamma", rate, burstiness)
    return ArrivalProcess(arrival or "poisson", rate)


def _check(asked: AskedLoad) -> None:
    for name, least in (("concurrency", 1), ("requests", 1), ("warmup", 0)):
        value = getattr(asked, name)
        if value is not None and value < least:
            message = f"{name} must be at least {least}, not {value}"
            raise UsageError(message)


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value
