from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.runtimes.exclusive import Host
from tests.models.hub_server import COMMIT, hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.models.hub_server import Hub

CONFIG = """\
models:
  - {id: safe, source: owner/safe, run: [vllm], gpus: {count: 1}}
  - {id: quant, source: "owner/tiny-gguf:Q8_0", run: [llama], backends: {llama: {runtime: docker}}}
  - {id: none, source: owner/none, run: [vllm]}
  - {id: tiny, source: "builtin:tiny-glm", run: [llama]}
"""


@pytest.fixture
def served() -> Iterator[Hub]:
    """Serve a hub with two repositories."""
    with hub() as state:
        state.files = {
            "owner/safe": {"config.json": b"{}", "model.safetensors": b"weights"},
            "owner/tiny-gguf": {"Tiny-Q4_0.gguf": b"GGUF four", "Tiny-Q8_0.gguf": b"GGUF eight"},
        }
        yield state


def _start(served: Hub, folder: Path, *words: str) -> subprocess.Popen[str]:
    (folder / "models.yaml").write_text(CONFIG)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest_llmbench.cli", "fetch", "--config", "models.yaml", *words],
        cwd=folder,
        env={**clean, "HF_ENDPOINT": served.url, "HF_HOME": str(folder / "hf")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _fetch(served: Hub, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    with _start(served, folder, *words) as fetching:
        stdout, stderr = fetching.communicate(timeout=250)
    return subprocess.CompletedProcess(fetching.args, fetching.returncode, stdout, stderr)


def test_everything(served: Hub, tmp_path: Path) -> None:
    """Each model in its engine's format; what fails is told, and the rest is fetched all the same."""
    done = _fetch(served, tmp_path, "--all")
    assert done.returncode == 1
    assert "none: no hub repository owner/none" in done.stderr
    shown = dict(line.split("  ") for line in done.stdout.splitlines())
    assert shown["safe"].endswith(f"snapshots/{COMMIT}")
    assert shown["quant"].endswith("Tiny-Q8_0.gguf")
    assert "tiny" not in shown
    listed = _fetch(served, tmp_path, "--all", "--list").stdout
    assert f"safe  owner/safe  {shown['safe']}" in listed
    assert "none  owner/none  not here" in listed


def test_folder_to_carry_elsewhere(served: Hub, tmp_path: Path) -> None:
    """Into a folder, by a hub id that the configuration does not know."""
    done = _fetch(served, tmp_path, "owner/tiny-gguf:Q4_0", "--dir", "carry")
    assert done.returncode == 0, done.stderr
    (found,) = (tmp_path / "carry").rglob("Tiny-Q4_0.gguf")
    assert found.read_bytes() == b"GGUF four"
    assert not (tmp_path / "hf" / "hub").exists()


def test_nothing_named(served: Hub, tmp_path: Path) -> None:
    """Which models is to be said, one way or the other."""
    done = _fetch(served, tmp_path)
    assert (done.returncode, "name models, or give --all" in done.stderr) == (4, True)


def test_no_measurement_is_disturbed(served: Hub, tmp_path: Path) -> None:
    """While somebody on this host measures it waits, says for what, and goes on afterwards."""
    with Host(lambda _: None, 60).measuring("measuring something"):
        fetching = _start(served, tmp_path, "safe")
        assert fetching.stderr
        said = fetching.stderr.readline()
        assert "waiting for measuring something" in said
        assert not (tmp_path / "hf").exists()
    stdout, stderr = fetching.communicate(timeout=250)
    assert fetching.returncode == 0, stderr
    assert stdout.rstrip().endswith(f"snapshots/{COMMIT}")
