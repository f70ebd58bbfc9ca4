"""`llmbench serve` with the embedded engine; tests/docker has it in containers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_llmbench import cli

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_project(tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(model_cache))


def test_tests_that_a_model_starts_and_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """And stops it: exit code 0."""
    assert cli.main(["serve", "tiny-glm", "--test", "--port", "0"]) == 0
    assert "tiny-glm.llama.tp01.gpux00 started in" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_interrupted(number: signal.Signals) -> None:
    """Under the model's own name, at the address that its lines name; an interrupt ends it, exit code 0."""
    command = [sys.executable, "-m", "pytest_llmbench.cli", "serve", "tiny-glm", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        lines = [next(process.stdout) for _ in range(8)]
        url = lines[2].split("OPENAI_BASE_URL=")[1].split()[0]
        assert httpx.get(f"{url}/models").json()["data"][0]["id"] == "tiny-glm"
        assert f"--bench-url={url.removesuffix('/v1')}" in "".join(lines)
        process.send_signal(number)
        assert process.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/models")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "unknown model 'nonsense'"),
        (["qwen3-8b-q4"], "runs on llama, ik_llama: choose one with --backend"),
        (["tiny-glm", "--backend", "lama"], "--backend: unknown backend 'lama'; did you mean 'llama'"),
        (["tiny-glm", "--detach"], "--detach: only containers and local processes run on"),
    ],
)
def test_mistakes(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence and exit code 4; nothing is started."""
    assert cli.main(["serve", *arguments]) == cli.USAGE
    assert said in capsys.readouterr().err
