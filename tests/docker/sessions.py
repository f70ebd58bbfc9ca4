"""Sessions of pytest on a project of their own, with servers in containers, to interrupt in the middle."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from pytest_llmbench.runtimes.activity import family
from pytest_llmbench.runtimes.containers.found import find_containers
from tests import never_late
from tests.docker.conftest import IMAGE, OWNERS
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmbench.runtimes.containers.daemon import Client
    from pytest_llmbench.runtimes.containers.found import FoundContainer

__all__ = ["Run", "until"]

SUITE = """
import pytest

@pytest.mark.bench
def test_it(bench, workload):
    bench(workload)
"""
WORKLOADS = """
workloads:
  brief: {out: 8, prompts: ["Why is the sky blue?"]}
  endless: {out: 4000, prompts: ["Why is the sky blue?"]}
"""
_SECONDS = 200.0


class Run:
    """One session: `pytest -m bench` in a process of its own, with tiny-glm in a container.

    `settings` are further keys of its backend, as in a configuration file; `gpus` is what the model asks for.
    No result is invalid because this machine is busy.
    """

    def __init__(
        self,
        root: Path,
        *arguments: str,
        workload: str = "brief",
        settings: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
        gpus: Mapping[str, object] | None = None,
    ) -> None:
        self.root = root
        backend = {"runtime": "docker", "image": IMAGE, "args": {"threads": 1}, **(settings or {})}
        model = {"id": "tiny-glm", "source": "builtin:tiny-glm", "gpus": [gpus or {"count": 0}]}
        whole = {"models": [{**model, "backends": {"llama": backend}}]}
        (root / "config").mkdir(exist_ok=True)
        (root / "config" / "models.yaml").write_text(json.dumps(whole))
        (root / "config" / "workloads.yaml").write_text(WORKLOADS)
        (root / "test_suite.py").write_text(SUITE)
        (root / "pytest.ini").write_text("[pytest]\naddopts = -p no:benchmark -p no:deepeval -p never_late\n")
        (root / "never_late.py").write_text(inspect.getsource(never_late))
        command = [sys.executable, "-m", "pytest", "-m", "bench", f"--bench-workload={workload}", *arguments]
        self.process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        OWNERS.add(self.process.pid)

    def finish(self) -> str:
        """Wait for its end, and return what it printed."""
        out, _ = self.process.communicate(timeout=_SECONDS)
        return out

    def server(self, client: Client) -> FoundContainer:
        """Wait for its container."""
        found: FoundContainer = until(
            lambda: next((one for one in find_containers(client) if self._owns(one) and one.runs), None)
        )
        return found

    def _owns(self, found: FoundContainer) -> bool:
        """Whether a server is this session's: its own, or one of its workers'."""
        owner = found.tag.owner.pid
        if owner not in family(self.process.pid):
            return False
        OWNERS.add(owner)
        return True

    def measuring(self, client: Client) -> FoundContainer:
        """Wait until its server answers a request."""
        found = self.server(client)
        until(lambda: b"processing task" in found.container.logs())
        return found

    def report(self) -> dict[str, Any]:
        """Read its report."""
        path = self.root / "results" / "latest" / "report.json"
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return document

    def written(self) -> str:
        """Return all that is in the files of its results."""
        files = [path for path in (self.root / "results").rglob("*") if path.is_file()]
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
