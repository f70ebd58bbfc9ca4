"""The subcommands of `llmbench`: one module each, listed in `COMMANDS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_llmbench.commands.calibrate_client import CalibrateClient
from pytest_llmbench.commands.report import Report

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


COMMANDS: tuple[Command, ...] = (Report(), CalibrateClient())
