"""How long judging takes: a baseline is written, read as `--bench-compare` reads it, and judged against.

    python -m benchmarks.gate_speed [--cells N] [--sessions N]

Every session has three replicates with all the statistics a real run stores. The metrics that are gated by
default are judged. Times are those of the process (CPU) and of the clock.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.client import machine
from benchmarks.gate_made import CONDITIONS, TREATMENT
from pytest_llmbench.baselines.cells import file_name
from pytest_llmbench.baselines.judge import ALPHA, Rules, judge_sessions
from pytest_llmbench.baselines.limits import STATS
from pytest_llmbench.baselines.model import CellDocument, SessionEntry
from pytest_llmbench.baselines.reference import Reference
from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.files import json_text

if TYPE_CHECKING:
    from pytest_llmbench.baselines.values import Replicates

DISTRIBUTIONS = ("ttft", "ttft_answer", "itl", "chunk_gap", "tpot", "e2e", "stream_end", "interactivity")
SCALARS = ("throughput_output", "throughput_total", "throughput_request", "error_rate")
REPLICATES = 3
DIFFERENT = 200
"""Cells whose values are their own; the others repeat them, so that writing does not take longest."""


def made(rng: np.random.Generator) -> Replicates:
    """Make one session of a cell."""
    names = [f"{name}.{stat}" for name in DISTRIBUTIONS for stat in STATS] + list(SCALARS)
    numbers = np.exp(0.02 * rng.normal(size=(REPLICATES, len(names))))
    replicates: Replicates = {}
    for number, row in enumerate(numbers.tolist(), 1):
        run = dict(zip(names, row, strict=True)) | {f"{name}.count": 100.0 for name in DISTRIBUTIONS}
        replicates[str(number)] = (run | {"error_rate": 0.0},)
    return replicates


def write(folder: Path, cells: int, sessions: int) -> int:
    """Write a baseline; return its bytes."""
    rng = np.random.default_rng(0)
    (folder / "main").mkdir(parents=True)
    names = [f"model.vllm.tp01.gpux01/workload{number:05d}/c008" for number in range(cells)]
    texts = []
    for cell in names[:DIFFERENT]:
        entries = {
            f"20261128-0000{session:02d}": SessionEntry(
                started_at=f"2026-11-28T00:00:{session:02d}",
                conditions=CONDITIONS,
                treatment=TREATMENT,
                replicates=made(rng),
            )
            for session in range(sessions)
        }
        texts.append(json_text(CellDocument(cell=cell, sessions=entries).model_dump(mode="json"), indent=2))
    size = 0
    for number, cell in enumerate(names):
        like = number % DIFFERENT
        text = texts[like].replace(names[like], cell)
        size += (folder / "main" / file_name(cell)).write_text(text, encoding="utf-8")
    return size


def main() -> None:
    """Write, read, judge; say how long each took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--sessions", type=int, default=10)
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        size = write(Path(folder), arguments.cells, arguments.sessions)
        print(f"{arguments.cells} cells of {arguments.sessions} sessions, {size / 1e6:.0f} MB")
        began = time.monotonic(), time.process_time()
        baseline = BaselineStore(Path(folder)).load("main")
    told("read from disk", began)
    now = made(np.random.default_rng(1))
    rules = Rules(alpha=ALPHA / arguments.cells)
    began = time.monotonic(), time.process_time()
    reference = Reference(baseline)
    for entries in baseline.cells.values():
        judge_sessions(list(entries.values()), [now], reference, rules)
    told("judged", began)


def told(what: str, began: tuple[float, float]) -> None:
    """Print how long it took."""
    clock, cpu = time.monotonic() - began[0], time.process_time() - began[1]
    print(f"{what}: {clock:.1f} s, of which {cpu:.1f} s on a core", flush=True)


if __name__ == "__main__":
    main()
