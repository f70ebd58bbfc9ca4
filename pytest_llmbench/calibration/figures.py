"""How far what the client said is from what the server did: pure functions of traces and the server's log."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmbench.metrics.summary import percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.calibration.server import Behaviour, TruthRecord
    from pytest_llmbench.client.trace import RequestTrace

__all__ = [
    "ACCURATE_P99",
    "LevelFigures",
    "Truth",
    "carried_rate",
    "ideal_chunk_rate",
    "level_figures",
    "true_means",
]

ACCURATE_P99 = 1e-3
"""A rate is carried if 99 % of chunks are stamped within this many seconds: a tenth of a usual ITL."""

_LEAST_CPU = 0.1
_FEWEST_CHUNKS = 1000
"""With less CPU time (seconds) or fewer chunks, the clock's ticks of 10 ms and what each plan costs once
would be the figure."""

_NS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelFigures:
    """One level of load. Durations in seconds; None where there is nothing to say.

    Attributes:
        streams: requests in flight.
        requests: measured ones; `failed` of them failed, though the server was not told to fail.
        chunks: those compared one by one with the server's log.
        unmatched: requests whose chunks are not as many as the server sent, and which are left out.
        error_p50: of stamp - the moment just before the server handed the chunk to the kernel; likewise
            `error_p99` and `error_max`. Includes the kernel's work of sending.
        send_p99: how long the server was in `send`: the chunk arrived within that time.
        outside_share: of chunks that cannot have arrived within [stamp - uncertainty, stamp]; must be 0.
        merged_share: of chunks, other than a stream's last, with an uncertainty above zero.
        uncertainty_p99: of all chunks.
        ttft_true: mean of (just before the first chunk was sent - the kernel's stamp of the request).
        ttft_reported: mean of the client's TTFT.
        ttft_error: relative difference of the two means.
        tpot_true: mean of (last - first chunk sent) / (tokens - 1); `tpot_reported` and `tpot_error`
            likewise.
        chunk_rate: chunks a second in the window.
        delivered: that rate / the one of a server and a client without any delay.
        cpu_per_million: CPU seconds of the client for a million chunks, decoding included.
    """

    streams: int
    requests: int
    failed: int
    chunks: int
    unmatched: int
    error_p50: float | None
    error_p99: float | None
    error_max: float | None
    send_p99: float | None
    outside_share: float
    merged_share: float
    uncertainty_p99: float | None
    ttft_true: float | None
    ttft_reported: float | None
    ttft_error: float | None
    tpot_true: float | None
    tpot_reported: float | None
    tpot_error: float | None
    chunk_rate: float
    delivered: float
    cpu_per_million: float | None


class Truth(NamedTuple):
    """Means over requests, in seconds, by the server's own clock."""

    ttft: float
    tpot: float | None


class _Stamps(NamedTuple):
    """Arrival and uncertainty of a request's chunks, ns."""

    at: Sequence[int]
    uncertainty: Sequence[int]


def stamps(trace: RequestTrace) -> _Stamps:
    """Read a trace's chunks: the only place here that knows how they are stored."""
    return _Stamps(trace.chunks.at, trace.chunks.uncertainty)


def level_figures(
    streams: int,
    traces: Iterable[RequestTrace],
    records: Iterable[TruthRecord],
    *,
    window: float,
    cpu_seconds: float,
    behaviour: Behaviour,
) -> LevelFigures:
    """Compare the measured traces of one level with the server's log, matched by index and id."""
    measured = [trace for trace in traces if not trace.warmup]
    log = {record.id: record for record in records if record.status == 200}  # noqa: PLR2004 - HTTP OK
    good = [trace for trace in measured if trace.ok and trace.index in log]
    pairs = [(stamps(trace), log[trace.index], trace.started or 0) for trace in good]
    matched = [pair for pair in pairs if 0 < len(pair[0].at) == len(pair[1].sent)]
    errors: list[float] = []
    sends: list[float] = []
    uncertain: list[float] = []
    outside = merged = inner = 0
    for (at, uncertainty), record, _ in matched:
        errors += [(stamp - sent) * _NS for stamp, sent in zip(at, record.sent, strict=True)]
        sends += [(after - before) * _NS for before, after in zip(record.sent, record.returned, strict=True)]
        uncertain += [value * _NS for value in uncertainty]
        outside += sum(
            stamp < before or stamp - unsure > after
            for stamp, unsure, before, after in zip(
                at, uncertainty, record.sent, record.returned, strict=True
            )
        )
        merged += sum(value > 0 for value in uncertainty[:-1])
        inner += len(uncertainty) - 1
    count = len(errors)
    for values in (errors, sends, uncertain):
        values.sort()
    truth = true_means(record for _, record, _ in matched)
    ttft = fmean((at[0] - started) * _NS for (at, _), _, started in matched) if matched else None
    slopes = [
        (at[-1] - at[0]) * _NS / (record.tokens - 1) for (at, _), record, _ in matched if record.tokens > 1
    ]
    tpot = fmean(slopes) if slopes else None
    arrived = sum(len(stamps(trace).at) for trace in measured)
    rate = arrived / max(window, _NS)
    return LevelFigures(
        streams=streams,
        requests=len(measured),
        failed=sum(not trace.ok for trace in measured),
        chunks=count,
        unmatched=len(measured) - len(matched),
        error_p50=percentile(errors, 50) if count else None,
        error_p99=percentile(errors, 99) if count else None,
        error_max=errors[-1] if count else None,
        send_p99=percentile(sends, 99) if count else None,
        outside_share=outside / max(1, count),
        merged_share=merged / max(1, inner),
        uncertainty_p99=percentile(uncertain, 99) if count else None,
        ttft_true=truth.ttft if truth else None,
        ttft_reported=ttft,
        ttft_error=_relative(ttft, truth.ttft if truth else None),
        tpot_true=truth.tpot if truth else None,
        tpot_reported=tpot,
        tpot_error=_relative(tpot, truth.tpot if truth else None),
        chunk_rate=rate,
        delivered=rate / ideal_chunk_rate(streams, behaviour),
        cpu_per_million=(
            cpu_seconds / arrived * 1e6 if arrived >= _FEWEST_CHUNKS and cpu_seconds >= _LEAST_CPU else None
        ),
    )


def true_means(records: Iterable[TruthRecord]) -> Truth | None:
    """Return the mean TTFT and TPOT by the server's log; None if it sent nothing."""
    served = [record for record in records if record.sent]
    if not served:
        return None
    slopes = [
        (record.sent[-1] - record.sent[0]) * _NS / (record.tokens - 1)
        for record in served
        if record.tokens > 1
    ]
    return Truth(
        fmean((record.sent[0] - record.received) * _NS for record in served),
        fmean(slopes) if slopes else None,
    )


def ideal_chunk_rate(streams: int, behaviour: Behaviour) -> float:
    """Return chunks a second if every request began when the one before ended and nothing took any time."""
    per_chunk, per_burst = behaviour.tokens_per_chunk, behaviour.burst
    chunks = -(-behaviour.tokens // per_chunk)
    gaps = (chunks - 1) // per_burst * per_burst * per_chunk
    seconds = (behaviour.ttft + gaps * behaviour.itl) * 1e-6
    return streams * chunks / seconds if seconds else float("inf")


def carried_rate(levels: Iterable[LevelFigures]) -> float | None:
    """Return the highest chunk rate whose p99 error is below `ACCURATE_P99`, None if no level's is."""
    rates = [
        level.chunk_rate
        for level in levels
        if level.error_p99 is not None and level.error_p99 < ACCURATE_P99 and not level.outside_share
    ]
    return max(rates, default=None)


def _relative(reported: float | None, true: float | None) -> float | None:
    return None if reported is None or not true else reported / true - 1
