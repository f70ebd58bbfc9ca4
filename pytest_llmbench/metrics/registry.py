"""Every metric once: name, unit, direction, definition and the smallest effect that matters.

Reports print definitions from here. Durations are in seconds. A request starts just before its first
byte is handed to the socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pytest_llmbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["METRICS", "Direction", "Metric", "metric"]

Direction = Literal["lower", "higher", "none"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A named number.

    `kind` says what one value belongs to: a ``distribution`` has one value a request (or a gap), a
    ``scalar`` one a run. `smallest_effect` is absolute, in `unit`: a difference below it is nothing,
    whatever its ratio.
    """

    name: str
    unit: str
    direction: Direction
    kind: Literal["distribution", "scalar"]
    definition: str
    smallest_effect: float = 0.0


_ALL = (
    Metric(
        "ttft",
        "s",
        "lower",
        "distribution",
        "start of the request to the first chunk that carries generated output (content, reasoning or"
        " tool-call text); role-only and empty chunks do not count",
        0.001,
    ),
    Metric(
        "ttft_answer",
        "s",
        "lower",
        "distribution",
        "start of the request to the first answer content; later than ttft for reasoning models",
        0.001,
    ),
    Metric(
        "connect",
        "s",
        "lower",
        "distribution",
        "opening the connection; never part of ttft; zero when the connection is reused",
        0.001,
    ),
    Metric(
        "send_delay",
        "s",
        "lower",
        "distribution",
        "scheduled to actual start of the request: how late the load generator was",
        0.001,
    ),
    Metric(
        "itl",
        "s",
        "lower",
        "distribution",
        "gap between output tokens, pooled over all gaps; a chunk of k tokens contributes k gaps of"
        " gap/k, the first chunk none; absent unless the tokens of every chunk are known",
        0.0002,
    ),
    Metric(
        "chunk_gap",
        "s",
        "lower",
        "distribution",
        "gap between chunks with output, as they arrived: what a person sees",
        0.0002,
    ),
    Metric(
        "tpot",
        "s",
        "lower",
        "distribution",
        "per request (last output - first output) / (output tokens - 1)",
        0.0002,
    ),
    Metric(
        "e2e",
        "s",
        "lower",
        "distribution",
        "start of the request to the last chunk with output or finish reason",
        0.001,
    ),
    Metric(
        "stream_end",
        "s",
        "lower",
        "distribution",
        "start of the request to the end of the response stream",
        0.001,
    ),
    Metric("interactivity", "tok/s", "higher", "distribution", "per request 1 / tpot"),
    Metric(
        "server_ttft",
        "s",
        "lower",
        "distribution",
        "the server's own time from receiving a request to its first token, by its histogram over the window",
        0.001,
    ),
    Metric(
        "server_queue",
        "s",
        "lower",
        "distribution",
        "the server's own time a request waited to be taken up, by its histogram over the window",
        0.001,
    ),
    Metric(
        "server_prefill",
        "s",
        "lower",
        "distribution",
        "the server's own time from taking up a prompt to its first token, its queue left out, as it states"
        " with the answer (llama.cpp's timings), else by its histogram over the window",
        0.001,
    ),
    Metric(
        "server_decode",
        "s",
        "lower",
        "distribution",
        "the server's own time from a request's first token to its last, as it states with the answer"
        " (llama.cpp's timings), else by its histogram over the window",
        0.001,
    ),
    Metric(
        "prompt_tokens",
        "tok",
        "none",
        "distribution",
        "tokens of the prompt, as the server counted them; else counted with the model's tokenizer",
    ),
    Metric(
        "output_tokens",
        "tok",
        "none",
        "distribution",
        "generated tokens, as the server counted them; else counted with the model's tokenizer; never the"
        " number of chunks",
    ),
    Metric(
        "cached_tokens",
        "tok",
        "none",
        "distribution",
        "prompt tokens the server answered from its prefix cache, where it says so",
    ),
    Metric(
        "reasoning_tokens",
        "tok",
        "none",
        "distribution",
        "generated tokens that were reasoning, where the server says so",
    ),
    Metric(
        "throughput_output",
        "tok/s",
        "higher",
        "scalar",
        "output tokens of successful requests that arrived inside the window / window, which is the part of"
        " the run in which the load was what was asked",
    ),
    Metric(
        "throughput_total",
        "tok/s",
        "higher",
        "scalar",
        "output tokens, and prompt tokens of requests whose first output fell inside the window / window",
    ),
    Metric(
        "throughput_request",
        "req/s",
        "higher",
        "scalar",
        "successful requests that were over inside the window / window",
    ),
    Metric(
        "goodput",
        "req/s",
        "higher",
        "scalar",
        "requests that were over inside the window and met every SLO / window; failures count as not met",
    ),
    Metric(
        "throughput_output_per_gpu",
        "tok/s/GPU",
        "higher",
        "scalar",
        "throughput_output / GPUs of the deployment",
    ),
    Metric(
        "throughput_total_per_gpu",
        "tok/s/GPU",
        "higher",
        "scalar",
        "throughput_total / GPUs of the deployment",
    ),
    Metric(
        "cache_hit_rate",
        "ratio",
        "none",
        "scalar",
        "cached prompt tokens / prompt tokens over the run, where the server says so with its answers, else"
        " by its counters over the window",
    ),
    Metric(
        "acceptance_length",
        "tok",
        "none",
        "scalar",
        "speculative decoding: output tokens a step, by the server's counters over the window",
    ),
    Metric(
        "power",
        "W",
        "none",
        "scalar",
        "mean over the window, summed over the deployment's GPUs, from their energy counters where they have"
        " them",
    ),
    Metric(
        "energy_per_output_token",
        "J/tok",
        "lower",
        "scalar",
        "power x window / output tokens inside the window; of the GPUs only",
        0.01,
    ),
    Metric(
        "gpu_memory",
        "bytes",
        "none",
        "scalar",
        "most that was in use inside the window, summed over the deployment's GPUs",
    ),
    Metric(
        "gpu_util",
        "ratio",
        "none",
        "scalar",
        "part of the window in which a GPU had something to do, mean of the deployment's GPUs",
    ),
    Metric(
        "gpu_clock",
        "MHz",
        "none",
        "scalar",
        "clock of the processors, mean over the window, of the slowest of the deployment's GPUs: the others"
        " wait for it",
    ),
    Metric(
        "gpu_temperature",
        "°C",
        "none",
        "scalar",
        "highest of any of the deployment's GPUs inside the window",
    ),
    Metric("error_rate", "ratio", "lower", "scalar", "failed requests / requests sent", 0.001),
)

METRICS: Mapping[str, Metric] = MappingProxyType({m.name: m for m in _ALL})


def metric(name: str) -> Metric:
    """Look a metric up by its name; a `UsageError` names the nearest one."""
    try:
        return METRICS[name]
    except KeyError:
        message = f"unknown metric {name!r}: {nearest(name, METRICS)}"
        raise UsageError(message) from None
