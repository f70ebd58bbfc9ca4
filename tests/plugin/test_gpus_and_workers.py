"""Deployments that want GPUs, among several workers and sessions: real servers and locks, GPUs on paper."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Left, Project

CONFIG = """
models:
  - id: tiny
    source: builtin:tiny-glm
    gpus: [{count: 1}, {count: 1, share: 0.5}, {count: 2}, {count: 4}, {count: 5}]
    backends: {llama: {runtime: embedded, args: {ctx-size: 512, parallel: 1}}}
"""
NAMES = ["gpux01", "gpux01.share50", "gpux02", "gpux04"]


@pytest.fixture
def four_gpus(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a project on a host with four GPUs, and locks of its own."""
    gpus = [
        {"index": index, "uuid": f"GPU-{index}", "name": "H100", "memory": 80, "used": 0}
        for index in range(4)
    ]
    (tmp_path / "gpus.json").write_text(json.dumps(gpus))
    monkeypatch.setenv("LLMBENCH_LOCK_DIR", str(tmp_path / "locks"))
    monkeypatch.setenv("LLMBENCH_GPU_INVENTORY", str(tmp_path / "gpus.json"))
    (project.root / "mine.yaml").write_text(CONFIG)
    return project


def leases(left: Left) -> dict[str, int]:
    """How many GPUs each deployment had."""
    return {
        result["deployment"]["id"].removeprefix("tiny.llama.tp01."): len(
            result["server"]["facts"]["leased_gpus"].split(",")
        )
        for result in left.results
    }


@pytest.mark.parametrize("workers", ["-p no:xdist", "-n2", "-n4"])
def test_the_same_whatever_runs_it(four_gpus: Project, workers: str) -> None:
    """Each deployment has its GPUs and starts once a replicate, and the set of results is the same.

    One that waits for GPUs holds nobody up for ever.
    """
    left = four_gpus(
        "--bench-config=mine.yaml", "--bench-replicates=2", "--bench-workload=tiny,other", *workers.split(),
        own_process=True,
    )  # fmt: skip
    cells = sorted((result["cell"], result["replicate"]) for result in left.results)
    assert cells == sorted(
        (f"tiny.llama.tp01.{name}/{workload}/c001", replicate)
        for name in NAMES
        for workload in ("tiny", "other")
        for replicate in (1, 2)
    ), left.out
    assert left.report["session"]["server_starts"] == 2 * len(NAMES)
    assert leases(left) == {"gpux01": 1, "gpux01.share50": 1, "gpux02": 2, "gpux04": 4}
    assert {one["reason"] for one in left.unmeasured} == {"needs 5 GPUs, found 4"}


def test_two_sessions_share_the_gpus(four_gpus: Project) -> None:
    """Neither fails, neither waits for ever, and each has measured all of its own."""
    suites = []
    for name in ("one", "two"):
        # Two and four of the four GPUs: neither session can have both while the other has any.
        command = four_gpus.command(
            "--bench-config=mine.yaml", "--bench-gpus=2,4", f"--bench-results={name}", "-n2"
        )
        suites.append(
            subprocess.Popen(
                command, cwd=four_gpus.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
    outs = [suite.communicate(timeout=280)[0] for suite in suites]
    for name, out in zip(("one", "two"), outs, strict=True):
        latest = (four_gpus.root / name / "latest").resolve(strict=True)
        report: dict[str, Any] = json.loads((latest / "report.json").read_text())
        assert len(report["results"]) == 2, out
        assert report["session"]["server_starts"] == 2


def test_a_worker_that_is_killed(four_gpus: Project) -> None:
    """It loses what it had not finished; another worker measures the rest of its deployment.

    Its server goes with it, and its GPUs are free at once.
    """
    four_gpus.suite(
        """
        import os, signal
        from pathlib import Path
        import pytest

        @pytest.mark.bench
        @pytest.mark.parametrize("part", ["a", "b", "c"])
        def test_it(bench, llm_server, part):
            bench("tiny")
            fatal = llm_server.deployment.gpus == 4 and part == "b"
            if fatal and not Path("killed").exists():
                Path("killed").write_text(llm_server.base_url)
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    left = four_gpus("--bench-config=mine.yaml", "-n2", own_process=True)
    assert left.code == 1, left.out
    parts = sorted(
        result["nodeid"].rpartition("-")[2].removesuffix("]")
        for result in left.results
        if result["deployment"]["gpus"] == 4
    )
    assert parts == ["a", "c"], left.out
    assert len(left.results) == 3 * len(NAMES) - 1
    assert left.report["session"]["server_starts"] == len(NAMES) + 1
    addresses = {r["server"]["served_model"] for r in left.results if r["deployment"]["gpus"] == 4}
    assert len(addresses) == 2


def test_a_start_that_was_never_reported(four_gpus: Project) -> None:
    """Is counted: its worker was killed in the same phase of the test that started the server."""
    four_gpus.suite(
        """
        import os, signal
        from pathlib import Path
        import pytest

        @pytest.fixture
        def fatal(llm_server):
            if not Path("killed").exists():
                Path("killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)

        @pytest.mark.bench
        @pytest.mark.parametrize("part", ["a", "b"])
        def test_it(bench, fatal, part):
            bench("tiny")
        """
    )
    left = four_gpus("--bench-config=mine.yaml", "--bench-gpus=4", "-n1", own_process=True)
    assert [result["nodeid"].rpartition("-")[2] for result in left.results] == ["b]"], left.out
    assert left.report["session"]["server_starts"] == 2
