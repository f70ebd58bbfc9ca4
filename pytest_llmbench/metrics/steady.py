"""The part of a run in which the load was what was asked, and what went through in it.

**Closed loop.** All streams start at once, and towards the end one after the other finds no more work; a mean
over the whole run counts those idle streams. But cutting at any moment counts wrongly, too: where requests
run in step, completions come in bursts of one a stream, and a window that ends within a burst misses part
of it. So the window is made of whole *rounds*: with C streams, from the middle completion of one C-tuple of
completions to the middle one of a later tuple, the latest before a stream ran out of work. It holds exactly
C completions a round whether streams run in step, apart or drift from one to the other, which is what makes
it unbiased (simulated in the tests; the whole run is 5 to 20 % low for ten rounds of requests of varied
length).

**Open loop.** The window begins when the first requests have had time to finish (the 95th percentile of the
time in the server after the first request), and ends with the last arrival, after which the load ebbs.

Either needs four rounds, or four times the time a request takes; with less, its scatter outweighs the bias
of the whole run. Then the window is the whole run, and says that it never reached a steady state.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.metrics.requests import chunk_tokens
from pytest_llmbench.metrics.summary import percentile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmbench.client.trace import RequestTrace

__all__ = ["MIN_ROUNDS", "Throughput", "Window", "throughput", "when_over", "window"]

MIN_ROUNDS = 4
"""Rounds a window needs. With requests of uniform or exponential lengths, on 4 and on 16 streams, the root
mean square error of the window falls below that of the whole run at about four rounds."""

MAX_GROWTH = 0.05
"""Share of the arrivals of a window that may pile up in it: a server that falls behind by more is not in a
steady state, whatever it lets through."""

_RAMP_PERCENTILE = 95
_SIGMAS = 5
_NS = 1e-9


@dataclass(frozen=True, slots=True)
class Window:
    """Bounds (ns, CLOCK_REALTIME): what happened after `began` and not after `ended` is inside.

    `note` says why a steady state was not reached.
    """

    began: int
    ended: int
    reached: bool
    note: str = ""

    @property
    def seconds(self) -> float:
        """Its length, never 0."""
        return max(1, self.ended - self.began) * _NS

    def __contains__(self, at: int) -> bool:
        return self.began < at <= self.ended


@dataclass(frozen=True, slots=True)
class Throughput:
    """Of successful requests, inside a window, a second; None where tokens are not known."""

    output: float | None
    total: float | None
    request: float


def when_over(trace: RequestTrace) -> int | None:
    """Return when a request was over, failed or not: at the end of its stream, else when last heard of."""
    if trace.ended is not None:
        return trace.ended
    return trace.chunks[-1].at if trace.chunks else trace.started


def window(
    traces: Sequence[RequestTrace], concurrency: int | None, *, whole: tuple[int, int] | None = None
) -> Window:
    """Find the steady part of a run.

    `concurrency` is the number of streams of a closed loop, None for an open loop of constant mean rate. A
    ramp or a replay has no steady state; do not ask. `whole` are the bounds of the run (`LoadOutcome.began`,
    `.ended`), by default the first start and the last end. Warm-up requests are ignored.
    """
    spans = [
        (trace.started, over)
        for trace in traces
        if not trace.warmup and trace.started is not None and (over := when_over(trace)) is not None
    ]
    starts, ends = sorted(start for start, _ in spans), sorted(end for _, end in spans)
    if whole is None:
        whole = (starts[0], ends[-1]) if spans else (0, 0)
    if concurrency is None:
        return _open_loop(starts, ends, sorted(float(end - start) for start, end in spans), whole)
    return _closed_loop(starts, ends, concurrency, whole)


def _closed_loop(starts: list[int], ends: list[int], streams: int, whole: tuple[int, int]) -> Window:
    if streams == 1 and starts:
        return Window(*whole, reached=True)  # one stream has neither a ramp nor a drain
    middle = (streams - 1) // 2
    # After the completion with this index the first stream finds no more work.
    last = len(ends) - streams
    rounds = [index for index in range(middle, last + 1, streams) if ends[index] >= starts[streams - 1]]
    if len(rounds) <= MIN_ROUNDS or ends[rounds[0]] == ends[rounds[-1]]:
        needed = streams * (MIN_ROUNDS + 1) + middle
        why = f"too few requests for {streams} streams ({needed} would do, not {len(ends)})"
        if len(ends) >= needed:
            why = "requests ended before all streams had begun"
        note = f"the run never reached a steady state: {why}, so throughput is that of the whole run"
        return Window(*whole, reached=False, note=note)
    return Window(ends[rounds[0]], ends[rounds[-1]], reached=True)


def _open_loop(starts: list[int], ends: list[int], times: list[float], whole: tuple[int, int]) -> Window:
    typical = math.ceil(percentile(times, _RAMP_PERCENTILE)) if times else 0
    began, ended = (starts[0] + typical, starts[-1]) if starts else (0, 0)
    if ended - began < max(1, MIN_ROUNDS * typical):
        note = (
            f"the run never reached a steady state: requests took {typical * _NS:.3g} s, and arrived within"
            f" {(ended - began + typical) * _NS:.3g} s, so throughput is that of the whole run"
        )
        return Window(*whole, reached=False, note=note)
    before, after = (bisect_right(starts, at) - bisect_right(ends, at) for at in (began, ended))
    arrived = bisect_right(starts, ended) - bisect_right(starts, began)
    # What is in flight scatters even where the server keeps up: like a Poisson variable, more with bursts.
    chance = _SIGMAS * math.sqrt(before + after)
    if after - before > max(MAX_GROWTH * arrived, chance):
        note = (
            "the run never reached a steady state: the server fell behind, requests in flight grew from"
            f" {before} to {after} while {arrived} arrived"
        )
        return Window(began, ended, reached=False, note=note)
    return Window(began, ended, reached=True)


def throughput(traces: Sequence[RequestTrace], inside: Window) -> Throughput:
    """Count what happened inside the window.

    Output tokens count at the stamp of their chunk, prompt tokens at the first output, requests when they
    are over; only those of successful requests. Where the tokens of each chunk are not known, a request's
    tokens are spread evenly over its chunks.
    """
    good = [trace for trace in traces if trace.ok and not trace.warmup]
    over = sum((when_over(trace) or 0) in inside for trace in good)
    output = total = None
    if good and all(trace.output_tokens is not None for trace in good):
        output = math.fsum(tokens for trace in good for at, tokens in _output(trace) if at in inside)
        if all(trace.prompt_tokens is not None for trace in good):
            firsts = (trace for trace in good if trace.chunks and trace.chunks[0].at in inside)
            total = (output + sum(trace.prompt_tokens or 0 for trace in firsts)) / inside.seconds
        output /= inside.seconds
    return Throughput(output, total, over / inside.seconds)


def _output(trace: RequestTrace) -> Iterator[tuple[int, float]]:
    """When how many output tokens came; together they are the request's output tokens."""
    tokens = trace.output_tokens or 0
    known = chunk_tokens(trace)
    if known is None or sum(known) != tokens:
        known = [1] * len(trace.chunks)
    for chunk, share in zip(trace.chunks, known, strict=True):
        yield chunk.at, tokens * share / sum(known)
