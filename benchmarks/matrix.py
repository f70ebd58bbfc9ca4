"""A whole matrix on four GPUs that exist on paper: starts, leases, a time line.

    python benchmarks/matrix.py                      # 40 deployments x 3 replicates, alone and with -n4
    python benchmarks/matrix.py --sessions 2         # two sessions of -n2 compete, a hundred starts in all

Servers are real (embedded, on the CPU) and so are locks, processes and measurements; only the GPUs are a list
in a file. A row of the time line is a GPU, a column a slice of the session, from a server's start to the end
of its last request; 1, 2 and 4 are servers with so many GPUs, h is one that shares its GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

_GPUS = 4
_WIDTH = 96
_REQUESTS = "[{count: 0}, {count: 1}, {count: 1, share: 0.5}, {count: 2}, {count: 4}]"
_KINDS = 5
_SUITE = """
import pytest

@pytest.mark.bench(workloads=["tiny"], requests=4)
def test_it(bench, workload):
    bench(workload)
"""


class Stay(NamedTuple):
    """A server's time on its GPUs (s, since the epoch); `letter` is its sign on the time line."""

    name: str
    gpus: tuple[int, ...]
    letter: str
    began: float
    ended: float


def project(folder: Path, deployments: int) -> None:
    """Write a project with so many deployments, and the list of GPUs."""
    gpus = [
        {"index": index, "uuid": f"GPU-{index}", "name": "GPU", "memory": 80, "used": 0}
        for index in range(_GPUS)
    ]
    (folder / "gpus.json").write_text(json.dumps(gpus))
    (folder / "config").mkdir()
    models = "".join(
        f"  - {{id: m{number}, source: 'builtin:tiny-glm', gpus: {_REQUESTS},\n"
        f"     backends: {{llama: {{runtime: embedded, args: {{ctx-size: 512}}}}}}}}\n"
        for number in range(deployments // _KINDS)
    )
    (folder / "config" / "models.yaml").write_text(f"models:\n{models}")
    workloads = 'workloads: {tiny: {out: 16, prompts: ["Why is the sky blue?"]}}\n'
    (folder / "config" / "workloads.yaml").write_text(workloads)
    (folder / "test_it.py").write_text(_SUITE)
    (folder / "pytest.ini").write_text("[pytest]\n")


def start(folder: Path, results: str, replicates: int, *arguments: str) -> subprocess.Popen[str]:
    """Start a session."""
    environment = {
        **os.environ,
        "LLMBENCH_LOCK_DIR": str(folder / "locks"),
        "LLMBENCH_GPU_INVENTORY": str(folder / "gpus.json"),
    }
    command = [
        sys.executable, "-m", "pytest", "-m", "bench", "-q", f"--bench-results={results}",
        f"--bench-replicates={replicates}", *arguments,
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def stays(report: dict[str, Any]) -> list[Stay]:
    """Take from a report when which server had which GPUs."""
    found = []
    for result in report["results"]:
        began = datetime.fromisoformat(result["runs"][0]["started_at"]).timestamp()
        last = result["runs"][-1]
        ended = datetime.fromisoformat(last["started_at"]).timestamp() + last["window_s"]
        leased = str(result["server"]["facts"].get("leased_gpus", ""))
        gpus = tuple(int(index) for index in leased.split(",") if index)
        letter = "h" if "share" in result["cell"] else str(len(gpus))
        found.append(Stay(result["cell"], gpus, letter, began - result["server"]["ready_s"], ended))
    return found


def double_leases(found: list[Stay]) -> int:
    """Count pairs of servers that had a GPU at the same time and do not share it."""
    return sum(
        bool(set(a.gpus) & set(b.gpus)) and a.began < b.ended and b.began < a.ended
        for a, b in combinations(found, 2)
        if not a.letter == b.letter == "h"
    )


def time_line(found: list[Stay]) -> str:
    """Draw who had which GPU when."""
    began, ended = min(stay.began for stay in found), max(stay.ended for stay in found)
    rows: defaultdict[int, list[str]] = defaultdict(lambda: ["."] * _WIDTH)
    for stay in found:
        first, last = (int((at - began) / (ended - began) * (_WIDTH - 1)) for at in (stay.began, stay.ended))
        for gpu in stay.gpus:
            rows[gpu][first : last + 1] = stay.letter * (last - first + 1)
    return "\n".join(f"GPU {gpu} {''.join(rows[gpu])}" for gpu in range(_GPUS))


def run(sessions: int, deployments: int, replicates: int, *arguments: str) -> None:
    """Run the sessions at the same time, and print what came of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder, deployments)
        began = time.perf_counter()
        running = [start(folder, f"results{n}", replicates, *arguments) for n in range(sessions)]
        outs = [process.communicate()[0] for process in running]
        seconds = time.perf_counter() - began
        reports = []
        for number, out in enumerate(outs):
            file = folder / f"results{number}" / "latest" / "report.json"
            if not file.exists():
                raise SystemExit(out)
            reports.append(json.loads(file.read_text()))
    found = [stay for report in reports for stay in stays(report)]
    starts = [report["session"]["server_starts"] for report in reports]
    invalid = sum(not result["validity"]["valid"] for report in reports for result in report["results"])
    how = " ".join(arguments) or "no xdist"
    print(f"{sessions} session{'s' * (sessions > 1)}, {deployments} deployments x {replicates}, {how}")
    print(f"  seconds {seconds:.0f}, starts {' + '.join(map(str, starts))}, results {len(found)}")
    print(f"  unmeasured {sum(len(report['unmeasured']) for report in reports)}, invalid {invalid}")
    print(f"  GPUs leased twice at once: {double_leases(found)}")
    print(time_line(found) + "\n")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--deployments", type=int, help="a multiple of five")
    arguments = parser.parse_args()
    if arguments.sessions > 1:
        run(arguments.sessions, arguments.deployments or 25, 2, "-n2")
    else:
        run(1, arguments.deployments or 40, 3)
        run(1, arguments.deployments or 40, 3, "-n4")


if __name__ == "__main__":
    main()
