"""A million chunks in one run, then ten runs of 100,000: what memory and CPU they take.

Run it with `python benchmarks/soak.py`. The client asks the truth server, with TTFT 50 ms, ITL 10 ms, 100
tokens; this process does what pytest's does with the outcome: it takes the traces over, makes metrics of them
and looks at their validity. Memory is what is resident, CPU is of both processes, server excepted.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import re
import time
from pathlib import Path

from pytest_llmbench.calibration.cpu import tree_seconds
from pytest_llmbench.calibration.server import Behaviour, TruthServer
from pytest_llmbench.client.dialects import DIALECTS
from pytest_llmbench.client.dialects.base import Ask
from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.client.plan import LoadPlan
from pytest_llmbench.metrics.run import measure_run
from pytest_llmbench.metrics.validity import check_validity

TOKENS = 100
DIALECT = "openai-chat"
LIMIT = 500


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=256)
    parser.add_argument(
        "--chunks", type=int, default=1_000_000, help="of the long run (default: %(default)d)"
    )
    parser.add_argument("--short", type=int, default=100_000, help="of the short ones (default: %(default)d)")
    parser.add_argument("--runs", type=int, default=10, help="how many short ones (default: %(default)d)")
    arguments = parser.parse_args()
    print("| run | chunks | s | client peak, now | this process peak, now | CPU s per million | valid |")
    print("|---|---|---|---|---|---|---|")
    with contextlib.closing(LoadGenerator()) as generator:
        for number in range(arguments.runs):
            _measure(f"{number + 1}", generator, arguments.streams, arguments.short)
    with contextlib.closing(LoadGenerator()) as generator:
        peaks = _measure("long", generator, arguments.streams, arguments.chunks)
    met = "under" if max(peaks) < LIMIT else "NOT UNDER"
    print(f"\nThe long run peaked at {max(peaks):.0f} MB a process, {met} {LIMIT} MB.")


def _measure(name: str, generator: LoadGenerator, streams: int, chunks: int) -> list[float]:
    """Do one run, print its line, and return the peaks (MB) of all processes."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # begin a new peak
    with TruthServer(Behaviour(tokens=TOKENS)) as server:
        plan = LoadPlan(
            base_url=server.base_url,
            dialect=DIALECT,
            bodies=tuple(_body(index) for index in range(streams + chunks // TOKENS)),
            concurrency=streams,
            warmup=streams,
        )
        before = tree_seconds(without={server.pid})
        began = time.monotonic()
        run = measure_run(generator.run(plan), gpus=0)
        validity = check_validity([run], asked_prompt_tokens=None)
        _ = run.metrics
        seconds = time.monotonic() - began
        cpu = tree_seconds(without={server.pid}) - before
        workers = [pid for pid in _children() if pid != server.pid]
    arrived = sum(len(trace.chunks) for trace in run.traces)
    client = [_memory(pid) for pid in workers]
    ours = _memory(os.getpid())
    told = ", ".join(f"{peak:.0f} MB, {now:.0f} MB" for peak, now in client)
    why = "yes" if validity.valid else "; ".join(validity.reasons)
    print(
        f"| {name} | {arrived:,} | {seconds:.1f} | {told} | {ours[0]:.0f} MB, {ours[1]:.0f} MB"
        f" | {cpu / arrived * 1e6:.1f} | {why} |",
        flush=True,
    )
    return [ours[0], *(peak for peak, _ in client)]


def _children() -> list[int]:
    """Processes this one has started."""
    return list(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


def _memory(pid: int) -> tuple[float, float]:
    """Peak and present resident memory, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    peak, now = (int(found) / 1024 for found in re.findall(r"(?:VmHWM|VmRSS):\s+(\d+)", status))
    return peak, now


def _body(index: int) -> bytes:
    ask = Ask("Say something.", max_tokens=TOKENS)
    return json.dumps(DIALECTS[DIALECT].body(ask, model="truth", extras={"user": str(index)})).encode()


if __name__ == "__main__":
    main()
