"""The `llmbench` command: help, mistakes and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import cli
from pytest_llmbench.commands import COMMANDS
from pytest_llmbench.errors import StorageError
from pytest_llmbench.termination import Terminated

if TYPE_CHECKING:
    import argparse

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


class Grumpy:
    """A command that fails."""

    name = "grumpy"
    summary = "fail"
    description = "Fail in the way it was given."

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take nothing."""

    def run(self, arguments: argparse.Namespace) -> int:  # noqa: ARG002 - as the Protocol has it
        """Fail."""
        raise self.error


def test_the_installed_command_is_main() -> None:
    """The project installs what is tested here."""
    scripts = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"llmbench": f"{cli.__name__}:{cli.main.__name__}"}


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What there is, and that benchmarks are run by pytest."""
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert all(command.summary in text for command in COMMANDS)
    assert "pytest -m bench" in text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_the_help_of_a_command_teaches(
    command: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows the command as one would type it, and has no endless lines."""
    monkeypatch.setenv("COLUMNS", "80")
    name = getattr(command, "name", "")
    with pytest.raises(SystemExit, match="0"):
        cli.main([name, "--help"])
    text = capsys.readouterr().out
    takes_nothing = text.startswith(f"usage: llmbench {name} [-h]\n")
    assert text.count(f"llmbench {name}") >= (1 if takes_nothing else 3)
    assert max(map(len, text.splitlines())) <= 100


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """One number for plugin and command."""
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    assert capsys.readouterr().out == f"llmbench {project['version']}\n"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A script that forgot it still fails."""
    assert cli.main([]) == cli.USAGE
    assert "commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["repot"], "there is no command 'repot': did you mean 'report' or 'rescore'?"),
        (["--versin"], "llmbench has no option --versin: did you mean '--version'?"),
        (["report", "--jso", "x"], "llmbench report has no option --jso: did you mean '--json'?"),
        (["matrix", "--bench-tp=2"], "llmbench matrix has no option --bench-tp: did you mean '--tp'?"),
        (
            ["report", "a", "b"],
            "llmbench report takes no further argument: 'b'; llmbench report --help says what there is",
        ),
        (
            ["compare"],
            "the following arguments are required: NAME|PATH|ID; llmbench compare --help says what there is",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_4(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the mistake, and the nearest name or where to read on."""
    assert cli.main(argv) == cli.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"llmbench: {told}\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StorageError("is damaged", file="a.json"), "llmbench: a.json: is damaged\n"),
        (PermissionError(13, "Permission denied", "b.json"), "llmbench: b.json: Permission denied\n"),
        (OSError("odd"), "llmbench: output: odd\n"),
    ],
)
def test_trouble_with_files_is_one_line_and_exit_1(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for what the user can repair."""
    monkeypatch.setattr(cli, "COMMANDS", (Grumpy(error),))
    assert cli.main(["grumpy"]) == cli.FAILED
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), cli.INTERRUPTED), (Terminated("SIGTERM"), cli.TERMINATED)]
)
def test_interrupts_have_the_codes_of_shells(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """128 and the number of the signal."""
    monkeypatch.setattr(cli, "COMMANDS", (Grumpy(error),))
    assert cli.main(["grumpy"]) == code


def run(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_llmbench.cli", *argv],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """`llmbench report | head` ends without a word on stderr."""
    code = (
        "import os, sys; from pytest_llmbench import cli\n"
        "class Talk:\n"
        "    name = summary = description = 'talk'\n"
        "    def add_arguments(self, parser): pass\n"
        "    def run(self, arguments): print('x' * 1_000_000); return 0\n"
        "cli.COMMANDS = (Talk(),); sys.exit(cli.main(['talk']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == cli.FAILED


def test_mistakes_have_no_traceback_in_a_real_process(tmp_path: Path) -> None:
    """As a user sees it: one line, and pytest's code for usage errors."""
    done = run("report", str(tmp_path / "absent"))
    assert done.returncode == cli.USAGE
    assert (
        done.stderr
        == f"llmbench: there is no session at {tmp_path / 'absent'}; pytest -m bench measures one\n"
    )
