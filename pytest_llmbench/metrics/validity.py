"""Evidence that a measurement describes the server and not the client."""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import add
from typing import TYPE_CHECKING

from pytest_llmbench.metrics.summary import PERCENTILES, percentile, required_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_llmbench.client.trace import ClockName, RequestTrace
    from pytest_llmbench.metrics.run import Run

__all__ = ["Validity", "check_validity"]

_NS = 1e-9
_MEDIAN = 50

MAX_TTFT_SHIFT = 0.05
"""How far the median TTFT may move if every first chunk came as early as its uncertainty allows: 5 %, about
the smallest limit people gate on."""

MAX_GAP_SHIFT = 0.10
LATE_SECONDS = 0.0001
"""How far apart a percentile of the gaps may be, from every uncertain chunk as early as it may have come to
every one as late: 10 %, for that all err the same way is the worst case, and 0.1 ms, below which nobody asks.
What is further apart is left out, and so is the whole metric if its median is."""

GAP_METRICS = ("itl", "chunk_gap")
RATE_METRICS = ("tpot", "interactivity")

MAX_CLOCK_STEP = 0.002
"""Change (s) of the host's clock against the monotonic one, from one second to the next: adjusting moves it
by 0.5 ms at most (500 ppm), so more means that it was set, and stamps before and after differ by that."""

MAX_SEND_DELAY = 0.010
MAX_SEND_DELAY_SHARE = 0.05
"""The p99 of send delay in an open loop: past 10 ms, and past 5 % of the median TTFT, requests did not come
as they were meant to, and what waited in the client is missing from the server's latencies."""

MAX_CPU_SHARE = 0.90
"""CPU of the load generator, in cores: it has one thread, and past this share it queues."""

PROMPT_LENGTH_TOLERANCE = 0.02
"""Asked against counted prompt length, for exact-length workloads."""

NOTED_CACHE_HIT_RATE = 0.10
NOTED_CACHED_TOKENS = 16
"""Prompts are salted, so more than this share of cached prompt tokens is worth a word, unless they are so few
that they are the chat template, which all prompts share."""


@dataclass(frozen=True, slots=True)
class Validity:
    """What is known of a result's own quality. Durations in seconds.

    Attributes:
        reasons: why the result is not valid.
        notes: what a reader should know of a valid one.
        dropped: metric (`itl`), or metric and percentile (`itl.p99`), that is not known well enough to be
            shown → why; `Run.without` leaves them out.
        clock_step: largest change of the host's clock against the monotonic one from one second to the next.
        real_time: the load generator had priority over everything else that wanted a core, in every run.
        cores: those it was pinned to; empty if it was not.
    """

    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    clock: ClockName
    merged_share: float
    uncertainty_p99: float
    send_delay_p99: float | None
    cpu_share: float
    clock_step: float = 0.0
    real_time: bool = False
    cores: tuple[int, ...] = ()
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Nothing speaks against the numbers."""
        return not self.reasons


def check_validity(
    runs: Sequence[Run], *, asked_prompt_tokens: int | Mapping[int, int] | None, open_loop: bool = False
) -> Validity:
    """Look at all runs of a result together.

    `asked_prompt_tokens` is the exact prompt length that was asked for, or that of each request by its index;
    None if none was. In an `open_loop` requests must not wait in the client.
    """
    good = [trace for run in runs for trace in run.traces if trace.ok and trace.chunks]
    uncertain = array("q")
    for trace in good:
        uncertain.extend(trace.chunks.uncertainty)
    inner = sum(len(trace.chunks) - 1 for trace in good)
    merged = sum(sum(map(bool, _doubts(trace))) for trace in good)
    delays = sorted(value for run in runs for value in run.values.get("send_delay", ()))
    gaps = _dropped_gaps(good)
    rates = _dropped_rates(good)
    evidence = Validity(
        reasons=(),
        notes=(),
        clock="kernel" if all(trace.clock == "kernel" for trace in good) else "user",
        merged_share=merged / max(1, inner),
        uncertainty_p99=percentile(sorted(uncertain), 99) * _NS if uncertain else 0.0,
        send_delay_p99=percentile(delays, 99) if delays else None,
        cpu_share=max((run.cpu_share for run in runs), default=0.0),
        clock_step=max((run.clock_step for run in runs), default=0.0),
        real_time=bool(runs) and all(run.real_time for run in runs),
        cores=tuple(sorted({core for run in runs for core in run.cores})),
        dropped=gaps | rates,
    )
    return replace(
        evidence,
        reasons=tuple(_reasons(evidence, good, runs, open_loop=open_loop)),
        notes=(
            *dict.fromkeys(evidence.dropped.values()),
            *_notes(good, runs, asked_prompt_tokens),
            *_clock_notes(evidence),
        ),
    )


def _reasons(
    evidence: Validity, good: Sequence[RequestTrace], runs: Sequence[Run], *, open_loop: bool
) -> Iterator[str]:
    if not good:
        sent = sum(len(run.traces) for run in runs)
        yield f"no request of {sent} succeeded"
        return
    latest = [(trace.chunks.at[0] - (trace.started or 0)) * _NS for trace in good]
    earliest = [value - trace.chunks.uncertainty[0] * _NS for value, trace in zip(latest, good, strict=True)]
    median, earlier = percentile(sorted(latest), 50), percentile(sorted(earliest), 50)
    if median - earlier > MAX_TTFT_SHIFT * median:
        yield (
            f"the client was late: the median TTFT lies between {earlier * 1e3:.2f} and {median * 1e3:.2f} ms"
            f" (limit {MAX_TTFT_SHIFT:.0%} apart)"
        )
    if evidence.cpu_share > MAX_CPU_SHARE:
        yield f"the load generator used {evidence.cpu_share:.0%} of a core (limit {MAX_CPU_SHARE:.0%})"
    if evidence.clock_step > MAX_CLOCK_STEP:
        yield (
            f"the host's clock was set during the run: it moved by {evidence.clock_step * 1e3:.3g} ms against"
            f" the monotonic clock (limit {MAX_CLOCK_STEP * 1e3:g} ms)"
        )
    allowed = max(MAX_SEND_DELAY, MAX_SEND_DELAY_SHARE * median)
    if open_loop and evidence.send_delay_p99 is not None and evidence.send_delay_p99 > allowed:
        yield (
            f"requests waited in the client: send delay has a p99 of {evidence.send_delay_p99 * 1e3:.3g} ms"
            f" (limit {allowed * 1e3:.3g} ms)"
        )


def _doubts(trace: RequestTrace) -> array[int]:
    """Uncertainty of all chunks but the last, which many servers send together with the stream's end."""
    return trace.chunks.uncertainty[:-1]


def _dropped_gaps(good: Sequence[RequestTrace]) -> dict[str, str]:
    """Look how far apart each percentile of the gaps may be.

    A gap is known to lie between gap - uncertainty of the chunk after it and gap + that of the chunk before
    it; then the percentile of all true gaps lies between the percentiles of those bounds.
    """
    if not any(2 * max(_doubts(trace), default=0) * _NS > LATE_SECONDS for trace in good):
        return {}
    read, least, most = array("q"), array("q"), array("q")
    for trace in (trace for trace in good if len(trace.chunks) > 1):
        doubts = _doubts(trace)
        found = array("q", [after - before for before, after in pairwise(trace.chunks.at)])
        read.extend(found)
        most.extend(map(add, found, doubts))
        least.extend(max(0, gap - doubt) for gap, doubt in zip(found, [*doubts[1:], 0], strict=True))
    columns = [sorted(column) for column in (read, least, most)]
    dropped: dict[str, str] = {}
    for percent in PERCENTILES:
        value, low, high = (percentile(column, percent) * _NS for column in columns)
        if len(read) < required_count(percent) or high - low <= max(LATE_SECONDS, MAX_GAP_SHIFT * value):
            continue
        name, only = ("the median", "") if percent == _MEDIAN else (f"p{percent}", f"p{percent} of ")
        why = (
            f"{only}{' and '.join(GAP_METRICS)} left out, for chunks shared reads: {name} of the gaps lies"
            f" between {low * 1e3:.3g} and {high * 1e3:.3g} ms (limit {MAX_GAP_SHIFT:.0%} apart)"
        )
        if percent == _MEDIAN:
            return dict.fromkeys(GAP_METRICS, why)
        dropped |= {f"{metric}.p{percent}": why for metric in GAP_METRICS}
    return dropped


def _dropped_rates(good: Sequence[RequestTrace]) -> dict[str, str]:
    """Look how much longer the median stream may have been, had it begun as early as it may."""
    streams = [trace.chunks for trace in good if len(trace.chunks) > 1]
    if not streams:
        return {}
    shortest = [(chunks.at[-1] - chunks.at[0]) * _NS for chunks in streams]
    longest = [
        seconds + chunks.uncertainty[0] * _NS for seconds, chunks in zip(shortest, streams, strict=True)
    ]
    short, long = percentile(sorted(shortest), 50), percentile(sorted(longest), 50)
    if long - short <= max(LATE_SECONDS, MAX_GAP_SHIFT * short):
        return {}
    why = (
        f"{' and '.join(RATE_METRICS)} left out, for first chunks shared reads: the median stream took"
        f" between {short * 1e3:.3g} and {long * 1e3:.3g} ms (limit {MAX_GAP_SHIFT:.0%} apart)"
    )
    return dict.fromkeys(RATE_METRICS, why)


def _clock_notes(evidence: Validity) -> Iterator[str]:
    if evidence.clock == "user" and sys.platform == "linux":
        yield (
            "the kernel did not stamp every read: times are those of reading, later than the arrival by"
            " as much as the client was late"
        )


def _length_notes(good: Sequence[RequestTrace], asked: int | Mapping[int, int] | None) -> Iterator[str]:
    """Hold prompts to the length that was asked for."""
    counted = [(trace.index, trace.prompt_tokens) for trace in good if trace.prompt_tokens is not None]
    if asked is None or not counted:
        return
    if isinstance(asked, int):
        lengths = sorted(count for _, count in counted)
        off = max(abs(count - asked) for count in lengths)
        if off > PROMPT_LENGTH_TOLERANCE * asked:
            yield f"prompts were {lengths[0]} to {lengths[-1]} tokens long, {asked} were asked for"
        return
    missed = [
        (count, asked[index])
        for index, count in counted
        if abs(count - asked[index]) > PROMPT_LENGTH_TOLERANCE * asked[index]
    ]
    if missed:
        count, wanted = max(missed, key=lambda pair: abs(pair[0] - pair[1]))
        yield (
            f"{len(missed)} of {len(counted)} prompts were not as long as recorded: the farthest off has"
            f" {count} tokens instead of {wanted}"
        )


def _notes(
    good: Sequence[RequestTrace], runs: Sequence[Run], asked: int | Mapping[int, int] | None
) -> Iterator[str]:
    failed = sum(len(run.traces) - run.succeeded for run in runs)
    if failed:
        yield f"{failed} of {failed + len(good)} requests failed"
    yield from _length_notes(good, asked)
    bounded = sorted({name for run in runs for name in run.histograms})
    if bounded:
        yield f"percentiles of {', '.join(bounded)} are upper bounds: those of the server's histogram"
    if good and any(trace.output_tokens is None for trace in good):
        yield "the server gave no usage: tokens are unknown, and with them TPOT and token throughput"
    ours = sum(trace.token_source == "tokenizer" for trace in good)  # noqa: S105
    if ours:
        yield (
            f"the server gave no usage: tokens of {ours} of {len(good)} replies were counted with the model's"
            " tokenizer, which sees no special tokens"
        )
    told = [trace for trace in good if trace.prompt_tokens]
    cached = sum(trace.cached_tokens or 0 for trace in told)
    prompt = sum(trace.prompt_tokens or 0 for trace in told)
    if cached > max(NOTED_CACHE_HIT_RATE * prompt, NOTED_CACHED_TOKENS * len(told)):
        yield f"{cached / prompt:.0%} of prompt tokens came from the prefix cache"
    yield from dict.fromkeys(run.note for run in runs if run.note)
