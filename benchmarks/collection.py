"""How long it takes to expand a matrix and collect its tests: 100, 1,000 and 10,000 cells.

    python benchmarks/collection.py [CELLS ...]

Each count is made twice: many deployments with one workload, and a tenth as many with ten. A fresh
interpreter collects (`pytest -m bench --collect-only -q`), and so does one with as many plain parametrized
tests, which is what pytest itself needs. Told are medians of five; CPU time says more on a busy machine.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

_SUITE = """
import pytest

@pytest.mark.bench(workloads={workloads})
def test_it(bench, workload):
    bench(workload)
"""
_PLAIN = """
import pytest

@pytest.mark.parametrize("x", range({cells}))
def test_it(x): ...
"""
_VERSIONS, _DEGREES = 5, (1, 2, 4, 8)
_TIMES = 5


def project(folder: Path, deployments: int, workloads: int) -> None:
    """Write a project whose matrix comes to so many deployments and workloads."""
    names = [f"w{number:02d}" for number in range(workloads)]
    versions = [f"v0.{number}" for number in range(_VERSIONS)]
    models = deployments // (_VERSIONS * len(_DEGREES))
    (folder / "config").mkdir()
    (folder / "config" / "models.yaml").write_text(
        f"defaults: {{backends: {{vllm: {{version: {versions}, args: {{gpu-memory-utilization: 0.9}}}}}}}}\n"
        "rules: [{when: {model: never-*}, reason: because}]\nmodels:\n"
        + "".join(
            f"  - {{id: model-{number:04d}, source: o/model-{number}, run: [vllm], tp: {list(_DEGREES)}}}\n"
            for number in range(models)
        ),
    )
    (folder / "config" / "workloads.yaml").write_text(
        "workloads:\n" + "".join(f"  {name}: {{in: 128, out: 128}}\n" for name in names)
    )
    (folder / "test_it.py").write_text(_SUITE.format(workloads=names))
    (folder / "pytest.ini").write_text("[pytest]\n")


def collect(folder: Path, *arguments: str) -> tuple[float, float, int]:
    """Collect in a fresh interpreter: (seconds, seconds of CPU, tests found)."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *arguments]
    began, used = time.perf_counter(), _cpu()
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, _cpu() - used, found.stdout.count("::test_it[")


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Cost(NamedTuple):
    """What collecting takes (s): on the wall, and of CPU."""

    seconds: float
    cpu: float


def cost(folder: Path, cells: int, *arguments: str) -> Cost:
    """Collect several times: the medians."""
    seconds, cpu = [], []
    for _ in range(_TIMES):
        wall, used, found = collect(folder, *arguments)
        if found != cells:
            message = f"{found} tests instead of {cells}"
            raise SystemExit(message)
        seconds.append(wall)
        cpu.append(used)
    return Cost(median(seconds), median(cpu))


def main() -> None:
    """Print a line for each."""
    counts = [int(text) for text in sys.argv[1:]] or [100, 1000, 10000]
    print(" cells  deployments  workloads  seconds    CPU  plain    CPU")
    for cells in counts:
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "test_it.py").write_text(_PLAIN.format(cells=cells))
            plain = cost(Path(name), cells)
        for workloads in (1, 10) if cells >= 1000 else (1,):  # noqa: PLR2004
            deployments = cells // workloads
            with tempfile.TemporaryDirectory() as name:
                project(Path(name), deployments, workloads)
                ours = cost(Path(name), cells, "-m", "bench")
            told = f"{cells:>6}  {deployments:>11}  {workloads:>9}  {ours.seconds:>7.2f}  {ours.cpu:>5.2f}"
            print(f"{told}  {plain.seconds:>5.2f}  {plain.cpu:>5.2f}", flush=True)


if __name__ == "__main__":
    main()
