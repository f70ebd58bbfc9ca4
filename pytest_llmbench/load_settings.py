"""How much is asked: what the test says, what the options say, and what is usual."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.settings import parse
from pytest_llmbench.workloads.loads import ArrivalProcess, Load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.settings import Settings
    from pytest_llmbench.workloads.replay import Replay

__all__ = ["AskedLoad", "asked_load", "settle_load", "settle_replay"]

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


def asked_load(arguments: Mapping[str, Any]) -> AskedLoad:
    """Take the arguments of one call of `bench`.

    Raises:
        UsageError: there is no argument of that name, or its value is not what it takes.
    """
    names = [field.name for field in fields(AskedLoad)]
    taken: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in names:
            message = f"bench() has no argument {name!r}: {nearest(name, names)}"
            raise UsageError(message)
        if value is not None:
            taken[name] = _taken(name, value)
    return AskedLoad(**taken)


def _taken(name: str, value: Any) -> Any:  # noqa: ANN401 - of each option's own type
    origin = f"bench({name}={value!r})"
    if name not in {"concurrency", "rate"}:
        return parse(name, value, origin)
    # Options of these take several; of a call a pair of rates is a ramp.
    ramp = isinstance(value, tuple) and name == "rate" and len(value) == 2  # noqa: PLR2004 - from and to
    values = tuple(parse(name, [part], origin)[0] for part in (value if ramp else (value,)))
    return values if ramp else values[0]


def settle_load(settings: Settings, marker: Mapping[str, Any], asked: AskedLoad) -> Load:
    """Settle the load of one measurement: marker over options over the call over the usual.

    A duration takes the place of a number of requests, wherever that was given.

    Raises:
        UsageError: an option or an argument of the marker is wrong.
    """

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


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value
