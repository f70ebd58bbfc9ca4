"""The subcommands of `llmbench`: one module each, listed in `COMMANDS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_llmbench.commands.baseline import BaselineCommand
from pytest_llmbench.commands.build import Build
from pytest_llmbench.commands.calibrate_client import CalibrateClient
from pytest_llmbench.commands.calibrate_noise import CalibrateNoise
from pytest_llmbench.commands.clean import Clean
from pytest_llmbench.commands.compare import Compare
from pytest_llmbench.commands.doctor import Doctor
from pytest_llmbench.commands.fetch import Fetch
from pytest_llmbench.commands.logs import Logs
from pytest_llmbench.commands.matrix import Matrix
from pytest_llmbench.commands.ps import Ps
from pytest_llmbench.commands.pull import Pull
from pytest_llmbench.commands.report import Report
from pytest_llmbench.commands.rescore import Rescore
from pytest_llmbench.commands.serve import Serve
from pytest_llmbench.commands.stop import Stop

if TYPE_CHECKING:
    import argparse

__all__ = ["COMMANDS", "Command"]


class Command(Protocol):
    """One subcommand. To add one, write its module and name its class in `COMMANDS`."""

    name: str
    summary: str
    """One line, for the list of commands."""
    description: str
    """What `llmbench NAME --help` teaches: when to use it, and examples."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say which arguments it takes."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit code; an `LLMBenchError` is told in one message and no traceback."""


COMMANDS: tuple[Command, ...] = (
    Report(),
    BaselineCommand(),
    Compare(),
    Matrix(),
    Rescore(),
    Doctor(),
    Serve(),
    Fetch(),
    Pull(),
    Build(),
    Ps(),
    Logs(),
    Stop(),
    Clean(),
    CalibrateClient(),
    CalibrateNoise(),
)
