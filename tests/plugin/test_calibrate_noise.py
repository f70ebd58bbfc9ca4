"""`llmbench calibrate-noise` with sessions of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from pytest_llmbench import cli
from pytest_llmbench.baselines.store import BaselineStore

if TYPE_CHECKING:
    import pytest

    from tests.plugin.conftest import Project

OF_PYTEST = ("--bench-workload=tiny", "--bench-requests=2", "--bench-warmup=1")


def test_sessions_of_the_same_add_up(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is a session of pytest with its own starts, told as it goes; a second time there are more."""
    monkeypatch.chdir(project.root)
    asked = ["--", f"--bench-url=fake={project.url}", *OF_PYTEST]
    limits = ["--compare-fail", "ttft.p50:3%,throughput_output:3%"]
    command = ["calibrate-noise", "--sessions", "2", "--replicates", "2", "--json", "-", *limits, *asked]
    assert cli.main(command) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert [(one["metric"], one["sessions"], one["replicates"]) for one in document["cells"]] == [
        ("ttft.p50", 2, 2),
        ("throughput_output", 2, 2),
    ]
    assert "session 1 of 2\nsession 2 of 2\n" in said.err
    command[2] = "1"
    assert cli.main(command) == 0
    assert len(json.loads(capsys.readouterr().out)["sessions"]) == 3


def test_a_session_that_cannot_run_ends_it_with_what_pytest_said(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not after the fifth, and not as if it had been measured."""
    monkeypatch.chdir(project.root)
    assert cli.main(["calibrate-noise", "--", "--bench-workload=tny"]) == cli.FAILED
    said = capsys.readouterr().err
    assert "session 1 of 5: pytest ended with exit code 4 and has not measured:" in said
    assert "did you mean 'tiny'" in said


def test_what_had_finished_survives_ctrl_c(project: Project) -> None:
    """The session under way ends in order, and the others are told; the exit code is that of Ctrl-C."""
    flag = project.root / "second"
    project.suite(
        f"""
        import pathlib, pytest, time

        @pytest.mark.bench
        def test_it(bench, workload):
            if len(list(pathlib.Path("results/sessions").iterdir())) > 2:
                pathlib.Path({str(flag)!r}).touch()
                time.sleep(600)
            bench(workload)
        """
    )
    command = [sys.executable, "-m", "pytest_llmbench.cli", "calibrate-noise", "--replicates", "1"]
    command += ["--json", "-", "--compare-fail", "ttft.p50:3%"]
    command += ["--", f"--bench-url=fake={project.url}", *OF_PYTEST]
    with subprocess.Popen(
        command, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not flag.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == cli.INTERRUPTED
    assert "session 3 of 5" in err
    assert len(json.loads(out)["sessions"]) == 2
    assert len(BaselineStore(project.root / "results" / "baselines").load("noise").sessions) == 2
