"""What this client measures of a running vLLM or llama.cpp, beside what the server says of the same requests.

    python -m benchmarks.beside_servers --url http://127.0.0.1:8000
    python -m benchmarks.beside_servers --url http://127.0.0.1:8000 --streams 1 4 16 --in 128 --out 64

vLLM is asked for its Prometheus histograms before and after the window: the difference of their sums and
counts gives exact means, that of their buckets says between which bounds a median lies. llama.cpp puts its
`timings` into every answer, so its figures are of single requests. Nobody else may use the server meanwhile;
vLLM's count of requests shows if somebody did. Prints Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import re
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

import httpx

from benchmarks.client import machine
from pytest_llmbench import Deployment, Load, LoadGenerator, Workload, measure
from pytest_llmbench.backends import backend_of
from pytest_llmbench.calibration.table import NOTHING, markdown
from pytest_llmbench.errors import LLMBenchError
from pytest_llmbench.metrics.summary import percentile
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.runtimes.external import External

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_llmbench import BenchResult, Server

HEADERS = ("streams", "figure", "ours: mean", "p50", "server's: mean", "p50", "ours - server's, means")
# How long a server may take to count a request whose last byte we already have, s.
_COUNTED_SECONDS = 5.0
_POLL_SECONDS = 0.1
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\S+)?$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Histogram:
    """A Prometheus histogram: bucket's upper bound → how many values are at most that."""

    buckets: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    sum: float = 0.0
    count: float = 0.0

    def since(self, before: Histogram) -> Histogram:
        """Return what was added after `before`."""
        buckets = {bound: value - before.buckets.get(bound, 0.0) for bound, value in self.buckets.items()}
        return Histogram(buckets, self.sum - before.sum, self.count - before.count)

    @property
    def mean(self) -> float | None:
        """Mean of the values, exact; None of none."""
        return self.sum / self.count if self.count else None

    def quantile(self, share: float) -> tuple[float, float] | None:
        """Return the bounds of the bucket a quantile lies in; None of no values."""
        below = 0.0
        for bound in sorted(self.buckets):
            if self.count and self.buckets[bound] >= share * self.count:
                return below, bound
            below = bound
        return None


def parse_histograms(text: str) -> dict[str, Histogram]:
    """Read the histograms of a page in Prometheus' text format, added up over labels."""
    samples = [match.groups() for line in text.splitlines() if (match := _SAMPLE.match(line))]
    found = {name.removesuffix("_bucket"): Histogram() for name, _, _ in samples if name.endswith("_bucket")}
    for name, labels, value in samples:
        family, _, part = name.rpartition("_")
        if family not in found:
            continue
        histogram = found[family]
        if part == "bucket":
            histogram.buckets[float(dict(_LABEL.findall(labels or ""))["le"])] += float(value)
        elif part == "sum":
            histogram.sum += float(value)
        elif part == "count":
            histogram.count += float(value)
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """One figure at one number of streams; seconds. `server_p50` is a text, for it may be a range."""

    figure: str
    ours: tuple[float, float] | None
    server: float | None
    server_p50: str

    def cells(self, streams: int) -> tuple[str, ...]:
        """Write it."""
        mean, p50 = self.ours or (None, None)
        difference = mean - self.server if mean is not None and self.server is not None else None
        return (
            f"{streams}",
            self.figure,
            _milliseconds(mean),
            _milliseconds(p50),
            _milliseconds(self.server),
            self.server_p50,
            _difference(difference),
        )


class Figures(Protocol):
    """An engine's own figures."""

    explained: str

    def begin(self) -> None:
        """Note where the server's counters stand; the window comes next."""

    def rows(self, result: BenchResult) -> list[Row]:
        """Put ours beside the server's, once it counted all of the window's requests."""


class VLLMFigures:
    """vLLM's histograms."""

    explained = """\
- vLLM's **TTFT** begins when its API process has read and parsed the request. It takes in the template,
  tokenizing, the way to the engine's process, the queue and the prefill with the first sampling, and ends
  when the API process takes up the engine's output. Ours begins just before the first byte is handed to the
  socket and ends when the kernel had the first chunk. What ours has more is HTTP and JSON in, detokenizing,
  JSON and HTTP out, and the wait for the event loop, which does these for all streams in turn.
- **Queue and prefill** are parts of its TTFT, by stamps of the engine's process. The rest of its TTFT is
  template, tokenizing, the way between the processes, and the wait for the step under way, in no queue yet.
- **TPOT and ITL** are differences of stamps that the engine's process makes before anything is sent; ours
  are of arrivals. Sending comes in at both ends of a difference and cancels out, but for how it varies: in
  means it does not show, in single gaps it does. `inter_token_latency_seconds` has one value for each step
  of the engine, however many tokens the step made; ours has one a token.
"""
    _TTFT = "vllm:time_to_first_token_seconds"
    _E2E = "vllm:e2e_request_latency_seconds"
    _PAIRS = (
        ("TTFT", "ttft", _TTFT),
        ("its queue", None, "vllm:request_queue_time_seconds"),
        ("its prefill", None, "vllm:request_prefill_time_seconds"),
        ("TPOT", "tpot", "vllm:request_time_per_output_token_seconds"),
        ("ITL", "itl", "vllm:inter_token_latency_seconds"),
        ("whole request", "e2e", _E2E),
    )

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before: dict[str, Histogram] = {}

    def begin(self) -> None:
        """Read all histograms."""
        self._before = self._read()

    def rows(self, result: BenchResult) -> list[Row]:
        """Read them again, and subtract."""
        asked = result.runs[0].succeeded
        until = time.monotonic() + _COUNTED_SECONDS
        window = self._window()
        while window[self._E2E].count < asked and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
            window = self._window()
        if window[self._E2E].count != asked:
            print(f"The server counted {window[self._E2E].count:.0f} requests, we {asked}.", file=sys.stderr)
        return [
            Row(name, _ours(result, metric), window[histogram].mean, _range(window[histogram].quantile(0.5)))
            for name, metric, histogram in self._PAIRS
        ]

    def _window(self) -> Mapping[str, Histogram]:
        found = defaultdict(Histogram)
        for name, now in self._read().items():
            found[name] = now.since(self._before.get(name, Histogram()))
        return found

    def _read(self) -> dict[str, Histogram]:
        with server_http(self._server) as http:
            answer = http.get(backend_of(self._server).metrics_path or "/metrics")
            answer.raise_for_status()
        return parse_histograms(answer.text)


class LlamaFigures:
    """llama.cpp's `timings`."""

    explained = """\
- `prompt_ms`, beside our **TTFT**, begins when a slot takes up the prompt and ends with the first sampling.
  What ours has more is HTTP and JSON in, template, tokenizing, the wait for a free slot and for the batch
  under way, and then detokenizing, JSON and HTTP out. With more streams than slots the wait is most of it.
- `predicted_ms`, beside our **TPOT**, is from the first token to the last, so we divide it by one less than
  the tokens, as our TPOT does. llama.cpp's own `predicted_per_token_ms` divides by all and reads lower.
  A chunk leaves some time after its token was sampled; in the difference of two chunks that cancels out, but
  for how it varies.
- **ITL** is missing where chunks are not tokens (text that is not a whole character yet is held back), for
  then it is not known which token came when. The server's has no median: it tells no single gaps.
"""

    def begin(self) -> None:
        """Nothing to note: figures come with the answers."""

    def rows(self, result: BenchResult) -> list[Row]:
        """Take them from the answers."""
        told = [
            (trace.server_prefill, trace.server_decode, trace.output_tokens - 1)
            for trace in result.runs[0].traces
            if trace.ok
            and trace.server_prefill is not None
            and trace.server_decode is not None
            and trace.output_tokens is not None
            and trace.output_tokens > 1
        ]
        prefills = [prefill for prefill, _, _ in told]
        per_token = [decode / gaps for _, decode, gaps in told]
        wholes = [prefill + decode for prefill, decode, _ in told]
        every_gap = sum(decode for _, decode, _ in told) / max(1, sum(gaps for _, _, gaps in told))
        return [
            _exact("TTFT", _ours(result, "ttft"), prefills),
            _exact("TPOT", _ours(result, "tpot"), per_token),
            Row("ITL", _ours(result, "itl"), every_gap if told else None, NOTHING),
            _exact("whole request", _ours(result, "e2e"), wholes),
        ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True, help="where the server listens")
    parser.add_argument("--served-model", help="which of its models, if there are several")
    parser.add_argument("--streams", type=int, nargs="+", default=(1, 4, 16), metavar="N")
    parser.add_argument(
        "--requests", type=int, default=32, help="at least four a stream are sent (default: %(default)d)"
    )
    parser.add_argument("--in", type=int, default=128, dest="input", help="prompt tokens")
    parser.add_argument("--endpoint", default="chat", help="which API (default: %(default)s)")
    parser.add_argument("--out", type=int, default=64, help="tokens of each answer")
    arguments = parser.parse_args()
    try:
        _compare(arguments)
    except (LLMBenchError, httpx.HTTPError) as error:
        parser.exit(1, f"{error}\n")


def _compare(arguments: argparse.Namespace) -> None:
    server = _server(arguments.url, arguments.served_model)
    figures = _figures(server)
    workload = Workload.model_validate(
        {"id": "beside", "in": arguments.input, "out": arguments.out, "endpoint": arguments.endpoint}
    )
    table = []
    with contextlib.closing(LoadGenerator()) as generator:
        for streams in arguments.streams:
            # Warming up is a measurement of its own: the server's counters know no warm-up.
            measure(server, workload, Load(streams, 2 * streams, 0), generator=generator, salt="warm-up")
            figures.begin()
            load = Load(streams, max(arguments.requests, 4 * streams), 0)
            result = measure(server, workload, load, generator=generator, salt=str(time.time_ns()))
            for (kind, message), count in result.failures.items():
                print(f"{streams} streams: {count} failed, {kind}: {message}", file=sys.stderr)
            late = sum(trace.ok and trace.chunks.tokens[0] > 1 for trace in result.runs[0].traces)
            if late:
                print(f"{streams} streams: {late} answers began with tokens without text", file=sys.stderr)
            for reason in result.validity.reasons:
                print(f"{streams} streams: invalid, {reason}", file=sys.stderr)
            table += [row.cells(streams) for row in figures.rows(result)]
    facts = server.facts
    slots = f", {facts['slots']} slots" if "slots" in facts else ""
    print(f"{facts['engine']} {facts.get('version', '')}{slots}; {machine()}; {arguments.endpoint},", end=" ")
    print(f"prompts of {arguments.input} tokens, answers of {arguments.out}", end="\n\n")
    print(markdown(HEADERS, table))
    print(figures.explained, end="")


def _server(url: str, served_model: str | None) -> Server:
    deployment = Deployment(
        model="server",
        source="",
        backend="openai",
        runtime="external",
        url=url,
        served_model=served_model,
    )
    return External().start(deployment, StartContext(log_path=Path(os.devnull))).server


def _figures(server: Server) -> Figures:
    engine = server.facts.get("engine")
    if engine == "vllm":
        return VLLMFigures(server)
    if engine == "llama":
        return LlamaFigures()
    message = f"only vLLM and llama.cpp tell figures we read; {server.base_url} is {engine or 'unknown'}"
    raise LLMBenchError(message)


def _ours(result: BenchResult, metric: str | None) -> tuple[float, float] | None:
    summary = result.metrics.get(metric or "")
    return None if summary is None else (summary.mean, summary.get("p50") or math.nan)


def _exact(figure: str, ours: tuple[float, float] | None, values: Sequence[float]) -> Row:
    if not values:
        return Row(figure, ours, None, NOTHING)
    return Row(figure, ours, fmean(values), _milliseconds(_median(values)))


def _median(values: Iterable[float]) -> float:
    return percentile(sorted(values), 50)


def _milliseconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds * 1e3:.2f} ms"


def _difference(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    return f"{seconds * 1e6:+.0f} µs" if abs(seconds) < 1e-3 else f"{seconds * 1e3:+.2f} ms"  # noqa: PLR2004


def _range(bounds: tuple[float, float] | None) -> str:
    if bounds is None:
        return NOTHING
    low, high = (bound * 1e3 for bound in bounds)
    if math.isinf(high):
        return f"> {low:g} ms"
    return f"{low:g} to {high:g} ms"


if __name__ == "__main__":
    main()
