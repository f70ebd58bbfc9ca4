"""`--bench-wait-timeout`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.exclusive import Host
from pytest_llmbench.slots import SlotFile

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.plugin.conftest import Project


def test_who_measures_too_long(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test fails, and says for whom it waited; nothing is measured beside a window."""
    monkeypatch.setenv("LLMBENCH_LOCK_DIR", str(tmp_path))
    with Host(print, 0, tmp_path).measuring("measuring something long"):
        left = project("--bench-wait-timeout=0.5", own_process=True)
    assert left.code == 1, left.out
    assert left.results == []
    assert "waited 0.5 s (--bench-wait-timeout) for measuring something long (pid " in left.out
    assert "Traceback" not in left.out
    assert project("--bench-wait-timeout=0.5", own_process=True).code == 0


def test_gpus_that_somebody_keeps(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of its own, not a skip: the GPU is there. The next test may get it."""
    monkeypatch.setenv("LLMBENCH_LOCK_DIR", str(tmp_path))
    gpu = {"index": 0, "uuid": "GPU-0", "name": "H100", "memory": 80, "used": 0}
    (tmp_path / "gpus.json").write_text(json.dumps([gpu]))
    monkeypatch.setenv("LLMBENCH_GPU_INVENTORY", str(tmp_path / "gpus.json"))
    arguments = ("--bench-model=tiny-glm", "--bench-gpus=1", "--bench-wait-timeout=0.5")
    held = SlotFile(tmp_path / "pytest-llmbench-gpu-GPU-0.lock", 100).take(100, "other.vllm.tp01.gpux01")
    assert held
    left = project(*arguments, own_process=True)
    held.release()
    assert left.code == 1, left.out
    assert [one["outcome"] for one in left.unmeasured] == ["error"]
    assert "1 GPU did not become free within --bench-wait-timeout (0.5 s) (other" in left.out
    project(*arguments, own_process=True).measured()
