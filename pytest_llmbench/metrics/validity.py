"""Evidence that a measurement describes the server and not the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.metrics.summary import percentile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmbench.client.trace import ClockName, RequestTrace
    from pytest_llmbench.metrics.run import Run

__all__ = ["Validity", "check_validity"]

MAX_TTFT_SHIFT = 0.05
"""How far the median TTFT may move if every first chunk came as early as its uncertainty allows: 5 %, about
the smallest limit people gate on."""

LATE_GAP_SHARE = 0.05
LATE_SECONDS = 0.0001
"""A chunk came to a late client if its uncertainty is more than this share of the median gap, and more than
this at all: less does not show in a percentile."""

MAX_LATE_SHARE = 0.20
"""Share of chunks, other than a stream's last, that came to a late client: past one in five, percentiles of
gaps show the client's own rhythm."""

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
    """What is known of a result's own quality. Durations in seconds."""

    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    clock: ClockName
    merged_share: float
    uncertainty_p99: float
    send_delay_p99: float | None
    cpu_share: float

    @property
    def valid(self) -> bool:
        """Nothing speaks against the numbers."""
        return not self.reasons


def check_validity(runs: Sequence[Run], *, asked_prompt_tokens: int | None) -> Validity:
    """Look at all runs of a result together.

    `asked_prompt_tokens` is the exact prompt length that was asked for, None if none was.
    """
    good = [trace for run in runs for trace in run.traces if trace.ok and trace.chunks]
    uncertain = sorted(chunk.uncertainty * 1e-9 for trace in good for chunk in trace.chunks)
    inner = [chunk for trace in good for chunk in trace.chunks[:-1]]
    delays = sorted(value for run in runs for value in run.values.get("send_delay", ()))
    evidence = Validity(
        reasons=(),
        notes=(),
        clock="kernel" if all(trace.clock == "kernel" for trace in good) else "user",
        merged_share=sum(chunk.uncertainty > 0 for chunk in inner) / max(1, len(inner)),
        uncertainty_p99=percentile(uncertain, 99) if uncertain else 0.0,
        send_delay_p99=percentile(delays, 99) if delays else None,
        cpu_share=max((run.cpu_share for run in runs), default=0.0),
    )
    return Validity(
        reasons=tuple(_reasons(evidence, good, runs)),
        notes=tuple(_notes(good, runs, asked_prompt_tokens)),
        **{name: getattr(evidence, name) for name in Validity.__slots__ if name not in {"reasons", "notes"}},
    )


def _reasons(evidence: Validity, good: Sequence[RequestTrace], runs: Sequence[Run]) -> Iterator[str]:
    if not good:
        sent = sum(len(run.traces) for run in runs)
        yield f"no request of {sent} succeeded"
        return
    late, allowed = _late_share(good, runs)
    if late > MAX_LATE_SHARE:
        yield (
            f"the client was late: {late:.0%} of chunks are uncertain by more than {allowed * 1e3:.2g} ms"
            f" (limit {MAX_LATE_SHARE:.0%})"
        )
    latest = [(trace.chunks[0].at - (trace.started or 0)) * 1e-9 for trace in good]
    earliest = [value - trace.chunks[0].uncertainty * 1e-9 for value, trace in zip(latest, good, strict=True)]
    median, earlier = percentile(sorted(latest), 50), percentile(sorted(earliest), 50)
    if median - earlier > MAX_TTFT_SHIFT * median:
        yield (
            f"the client was late: the median TTFT lies between {earlier * 1e3:.2f} and {median * 1e3:.2f} ms"
            f" (limit {MAX_TTFT_SHIFT:.0%} apart)"
        )
    if evidence.cpu_share > MAX_CPU_SHARE:
        yield f"the load generator used {evidence.cpu_share:.0%} of a core (limit {MAX_CPU_SHARE:.0%})"


def _late_share(good: Sequence[RequestTrace], runs: Sequence[Run]) -> tuple[float, float]:
    """Share of chunks that came to a late client, and the uncertainty (s) that makes one."""
    gaps = sorted(gap for run in runs for gap in run.values.get("chunk_gap", ()))
    allowed = max(LATE_SECONDS, LATE_GAP_SHARE * percentile(gaps, 50)) if gaps else LATE_SECONDS
    inner = [chunk.uncertainty * 1e-9 > allowed for trace in good for chunk in trace.chunks[:-1]]
    return sum(inner) / max(1, len(inner)), allowed


def _notes(good: Sequence[RequestTrace], runs: Sequence[Run], asked: int | None) -> Iterator[str]:
    failed = sum(len(run.traces) - run.succeeded for run in runs)
    if failed:
        yield f"{failed} of {failed + len(good)} requests failed"
    counted = sorted({trace.prompt_tokens for trace in good if trace.prompt_tokens is not None})
    if asked is not None and counted:
        off = max(abs(count - asked) for count in counted)
        if off > PROMPT_LENGTH_TOLERANCE * asked:
            yield f"prompts were {counted[0]} to {counted[-1]} tokens long, {asked} were asked for"
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
