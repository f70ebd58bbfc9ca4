"""One level of load: the client against a truth server of its own."""

from __future__ import annotations

import json
import resource
from typing import TYPE_CHECKING

from pytest_llmbench.calibration.cpu import tree_seconds
from pytest_llmbench.calibration.figures import LevelFigures, level_figures
from pytest_llmbench.calibration.server import Behaviour, TruthServer
from pytest_llmbench.client.dialects import DIALECTS
from pytest_llmbench.client.dialects.base import Ask
from pytest_llmbench.client.plan import LoadPlan, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_llmbench.client.generator import LoadGenerator

__all__ = ["measure_level", "most_streams", "requests_for", "truth_body"]

_DIALECT = "openai-chat"
_WARMUP_TOKENS = 2
_SPARE_DESCRIPTORS = 64


def measure_level(
    generator: LoadGenerator,
    streams: int,
    *,
    requests: int,
    behaviour: Behaviour,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> LevelFigures:
    """Let each of `streams` ask `requests` / `streams` times, and compare with the truth.

    Starting the generator's processes is not counted. All other work of the client is: connecting, a short
    request on each stream, framing, decoding, and handing traces to this process.
    """
    with TruthServer(behaviour) as server:
        generator.run(_plan(server, streams, [_WARMUP_TOKENS] * streams), on_progress)
    with TruthServer(behaviour) as server:
        plan = _plan(server, streams, [_WARMUP_TOKENS] * streams + [behaviour.tokens] * requests)
        before = tree_seconds(without={server.pid})
        outcome = generator.run(plan, on_progress)
        cpu_seconds = tree_seconds(without={server.pid}) - before
    return level_figures(
        streams,
        outcome.traces,
        server.records,
        window=(outcome.ended - outcome.began) * 1e-9,
        cpu_seconds=cpu_seconds,
        behaviour=behaviour,
    )


def _plan(server: TruthServer, streams: int, tokens: Sequence[int]) -> LoadPlan:
    """Ask for so many tokens in turn, a warm-up of one request a stream included."""
    return LoadPlan(
        base_url=server.base_url,
        dialect=_DIALECT,
        # Requests carry their index, by which the server's log is matched with the traces.
        bodies=tuple(truth_body(index, count) for index, count in enumerate(tokens)),
        concurrency=streams,
        warmup=streams,
    )


def requests_for(streams: int, seconds: float, behaviour: Behaviour) -> int:
    """Return how many requests keep all streams busy for about that long, at least one each."""
    one = (behaviour.ttft + (behaviour.tokens - 1) * behaviour.itl) * 1e-6
    return streams * max(1, round(seconds / max(one, 1e-3)))


def most_streams() -> int:
    """Return how many streams this process's limit of open files permits its children."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (1 << 20 if hard == resource.RLIM_INFINITY else hard) - _SPARE_DESCRIPTORS


def truth_body(index: int, tokens: int) -> bytes:
    """Return the request that asks a truth server for so many tokens, and carries its number."""
    ask = Ask("Say something.", max_tokens=tokens)
    body = DIALECTS[_DIALECT].body(ask, model="truth", extras={"user": str(index)})
    return json.dumps(body).encode()
