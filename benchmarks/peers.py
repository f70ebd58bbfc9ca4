"""This client and other load generators on the same load against the same truth server.

    python -m benchmarks.peers                       64 and 256 streams, all tools
    python -m benchmarks.peers --only ours aiperf    some of them
    VLLM_VENV=/path/to/venv python -m benchmarks.peers   a tool that is installed already

Missing tools are installed, each into a virtual environment of its own in the cache folder; vLLM takes
some gigabytes. What is compared, per tool, over its measured requests:

  TTFT, TPOT   mean that the tool reports, and the true one by the server's log: from the kernel's stamp of
               the request to just before the first chunk was sent; (last - first chunk) / (tokens - 1)
  delivered    chunk rate between the first measured request and the last chunk, by the server's log / the
               rate without any delay
  CPU          seconds of the tool and its children from its first measured request to its end, for a million
               chunks: its start is left out, its report is not
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.client import machine
from benchmarks.peer_tools import PEERS, Load, Peer, environment, write_tokenizer
from pytest_llmbench.calibration.cpu import descendants_seconds
from pytest_llmbench.calibration.figures import ideal_chunk_rate, true_means
from pytest_llmbench.calibration.level import measure_level
from pytest_llmbench.calibration.server import Behaviour, TruthServer
from pytest_llmbench.calibration.table import duration, markdown, relative
from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.models.cache import cache_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = "ours"
HEADERS = (
    "streams", "tool", "TTFT true", "reported", "error", "TPOT true", "reported", "error", "delivered",
    "CPU s/M",
)  # fmt: skip
SAMPLE_SECONDS = 0.1
GIVE_UP_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Row:
    """One tool at one load; durations in seconds."""

    streams: int
    tool: str
    ttft_true: float
    ttft: float
    tpot_true: float
    tpot: float
    delivered: float
    cpu_per_million: float

    def cells(self) -> tuple[str, ...]:
        """Write it."""
        return (
            f"{self.streams:,}",
            self.tool,
            duration(self.ttft_true),
            duration(self.ttft),
            relative(self.ttft / self.ttft_true - 1),
            f"{self.tpot_true * 1e3:.2f} ms",
            f"{self.tpot * 1e3:.2f} ms",
            relative(self.tpot / self.tpot_true - 1),
            f"{self.delivered:.1%}",
            f"{self.cpu_per_million:.0f}",
        )


def main() -> None:
    """Measure and print."""
    names = [OURS, *(peer.name for peer in PEERS)]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, nargs="+", default=(64, 256), metavar="N")
    parser.add_argument(
        "--rounds", type=int, default=5, help="requests of each stream (default: %(default)s)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="TOOL", help=", ".join(names)
    )
    arguments = parser.parse_args()
    behaviour = Behaviour()
    rows: list[Row] = []
    for streams in arguments.streams:
        requests = streams * arguments.rounds
        if OURS in arguments.only:
            rows.append(ours(streams, requests, behaviour))
        for peer in PEERS:
            if peer.name not in arguments.only:
                continue
            try:
                rows.append(measure(peer, streams, requests, behaviour))
            except (OSError, subprocess.SubprocessError, LookupError, ValueError) as error:
                # One tool that does not install or changed its options is no reason to lose the others.
                print(f"{peer.name} at {streams} streams: {type(error).__name__}: {error}", file=sys.stderr)
    print(machine(), end="\n\n")
    print(markdown(HEADERS, [row.cells() for row in rows]))


def ours(streams: int, requests: int, behaviour: Behaviour) -> Row:
    """Measure this client."""
    print(f"ours, {streams} streams", file=sys.stderr)
    with contextlib.closing(LoadGenerator()) as generator:
        level = measure_level(generator, streams, requests=requests, behaviour=behaviour)
    if level.ttft_true is None or level.ttft_reported is None:
        message = "it got no answer"
        raise ValueError(message)
    return Row(
        streams,
        OURS,
        level.ttft_true,
        level.ttft_reported,
        level.tpot_true or 0.0,
        level.tpot_reported or 0.0,
        level.delivered,
        level.cpu_per_million or 0.0,
    )


def measure(peer: Peer, streams: int, requests: int, behaviour: Behaviour) -> Row:
    """Measure another tool."""
    folder = installed(peer)
    name = f"{peer.name} {peer.version(folder)}"
    print(f"{name}, {streams} streams", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary, TruthServer(behaviour) as server:
        load = Load(server.base_url, streams, requests, behaviour.tokens, Path(temporary))
        write_tokenizer(load.folder)
        cpu = Cpu()
        run(peer.command(folder, load), load, cpu)
        reported = peer.reported(load)
        server.stop()
        # The warm-up, and what some tools ask to see whether the server is there, come before.
        records = sorted(
            (record for record in server.records if record.finished), key=lambda record: record.received
        )[-requests:]
    truth = true_means(records)
    if truth is None or truth.tpot is None:
        message = "it got no answer"
        raise ValueError(message)
    began, chunks = records[0].received, sum(len(record.sent) for record in records)
    rate = chunks / ((max(record.sent[-1] for record in records) - began) * 1e-9)
    return Row(
        streams,
        name,
        truth.ttft,
        reported.ttft,
        truth.tpot,
        reported.tpot,
        rate / ideal_chunk_rate(streams, behaviour),
        cpu.since(began) / chunks * 1e6,
    )


class Cpu:
    """CPU seconds of a child and what descends from it, sampled while it runs."""

    def __init__(self) -> None:
        self._samples: list[tuple[int, float]] = []
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._before = usage.ru_utime + usage.ru_stime
        self._total = 0.0

    def watch(self, ended: threading.Event, without: Sequence[int]) -> None:
        """Sample until `ended`."""
        while not ended.wait(SAMPLE_SECONDS):
            self._samples.append((time.time_ns(), descendants_seconds(os.getpid(), without=without)))

    def finish(self) -> None:
        """Take the exact total of the child, which has been waited for."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._total = usage.ru_utime + usage.ru_stime - self._before

    def since(self, moment: int) -> float:
        """Return what was used after a moment (ns), interpolated between samples."""
        used = 0.0
        for (start, low), (end, high) in pairwise(self._samples):
            if start <= moment <= end:
                used = low + (high - low) * (moment - start) / (end - start)
        # Processes that nobody waited for are missing in the total, but not in the samples.
        return max([self._total, *(seconds for _, seconds in self._samples)]) - used


def run(command: Sequence[str], load: Load, cpu: Cpu) -> None:
    """Let a tool work; its output is shown if it fails."""
    others = own_children()
    output = load.folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment(load),
            cwd=load.folder,
            start_new_session=True,
        )
        ended = threading.Event()
        watcher = threading.Thread(target=cpu.watch, args=(ended, others))
        watcher.start()
        try:
            status = process.wait(GIVE_UP_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(
                    process.pid, signal.SIGKILL
                )  # some tools leave workers behind when they are stopped
            process.wait()
            ended.set()
            watcher.join()
            cpu.finish()
    if status != 0:
        sys.stderr.write(output.read_text(errors="replace")[-3000:])
        raise subprocess.CalledProcessError(status, command[:3])


def own_children() -> list[int]:
    """Return the processes we have started before: the truth server."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return [int(pid) for pid in children.split()]


def installed(peer: Peer) -> Path:
    """Return the tool's environment, making it if need be."""
    named = os.environ.get(f"{peer.name.upper()}_VENV")
    if named:
        return Path(named)
    folder = cache_dir() / "peers" / peer.name
    done = folder / ".installed"
    if not done.exists():
        print(f"installing {peer.name}", file=sys.stderr)
        peer.install(folder)
        done.touch()
    return folder


if __name__ == "__main__":
    main()
