"""How much is asked, from marker, options, call and custom."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.load_settings import AskedLoad, asked_load, settle_load, settle_replay
from pytest_llmbench.workloads.loads import ArrivalProcess, Load
from pytest_llmbench.workloads.replay import Replay, ReplayRequest


class Options:
    """As much of the settings as loads need."""

    def __init__(self, **given: object) -> None:
        self.given = given

    def get(self, name: str, marker: dict[str, Any]) -> Any:  # noqa: ANN401
        """Return what the marker says, else the option."""
        return marker.get(name, self.given.get(name))


def settle(asked: AskedLoad, marker: dict[str, Any] | None = None, **options: object) -> Load:
    """Settle a load."""
    return settle_load(Options(**options), marker or {}, asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "load"),
    [
        (AskedLoad(), Load(1, 16, 1)),
        (AskedLoad(concurrency=8), Load(8, 48, 8)),
        (AskedLoad(concurrency=8, requests=9, warmup=0), Load(8, 9, 0)),
        (AskedLoad(concurrency=8, duration=5.0), Load(8, 0, 8, None, 5.0)),
        (AskedLoad(rate=2.0, requests=9, duration=3.0), Load(0, 0, 4, ArrivalProcess("poisson", 2.0), 3.0)),
        (AskedLoad(rate=2.0), Load(0, 16, 4, ArrivalProcess("poisson", 2.0))),
        (AskedLoad(rate=2.0, arrival="constant"), Load(0, 16, 4, ArrivalProcess("constant", 2.0))),
        (AskedLoad(rate=2.0, burstiness=0.5), Load(0, 16, 4, ArrivalProcess("gamma", 2.0, 0.5))),
        (
            AskedLoad(rate=(1.0, 9.0), duration=5.0),
            Load(0, 0, 4, ArrivalProcess("ramp", 1.0, rate_to=9.0), 5.0),
        ),
        (AskedLoad(rate=2.0, concurrency=3), Load(3, 16, 4, ArrivalProcess("poisson", 2.0))),
    ],
)
def test_usual(asked: AskedLoad, load: Load) -> None:
    """What a call does not say is what is usual for its kind of load."""
    assert settle(asked) == load


def test_precedence() -> None:
    """The marker wins over the option, the option over the call."""
    asked = AskedLoad(concurrency=2, requests=3)
    assert settle(asked, requests=5).requests == 5
    assert settle(asked, {"requests": 7}, requests=5).requests == 7


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"concurrency": 0}, "bench(concurrency=0): expected a whole number of at least 1, not '0'"),
        (
            {"concurrency": [1, 2]},
            "bench(concurrency=[1, 2]): expected a whole number of at least 1, not '[1, 2]'",
        ),
        ({"requests": "x"}, "bench(requests='x'): expected a whole number of at least 1, not 'x'"),
        ({"warmup": -1}, "bench(warmup=-1): expected a whole number of at least 0, not '-1'"),
        ({"rate": (1, 0)}, "bench(rate=(1, 0)): expected a number above 0, not '0'"),
        ({"arrival": "often"}, "bench(arrival='often'): expected poisson, constant or gamma, not 'often'"),
        ({"concurency": 2}, "bench() has no argument 'concurency': did you mean 'concurrency'?"),
    ],
)
def test_mistakes(asked: dict[str, Any], message: str) -> None:
    """A wrong name or value is told with the one that was meant, or what it takes."""
    with pytest.raises(UsageError) as caught:
        asked_load(asked)
    assert str(caught.value) == message


def test_arguments_are_of_their_kind() -> None:
    """What a call says is taken as it is, a pair of rates as a ramp."""
    assert asked_load({"rate": (1, 8), "duration": 5, "requests": None}) == AskedLoad(
        rate=(1.0, 8.0), duration=5.0
    )
    assert asked_load({"concurrency": 3, "warmup": 0}) == AskedLoad(concurrency=3, warmup=0)


@pytest.mark.parametrize(
    ("limit", "options", "sent", "warmup"),
    [
        (None, {}, 5, 4),
        (3, {}, 3, 4),
        (3, {"requests": 2, "warmup": 0}, 2, 0),
        (None, {"requests": 2, "duration": 3.5}, 4, 4),
    ],
)
def test_replay(limit: int | None, options: dict[str, Any], sent: int, warmup: int) -> None:
    """All of it, or as much as the call, the options or the time allow."""
    requests = tuple(ReplayRequest(second * 1_000_000_000, 5, 5) for second in range(5))
    replay = Replay("a.jsonl", "llmbench", 1.0, requests)
    load = settle_replay(Options(**options), {}, replay, limit=limit)  # type: ignore[arg-type]
    assert load == Load(0, sent, warmup, Replay("a.jsonl", "llmbench", 1.0, requests[:sent]))
