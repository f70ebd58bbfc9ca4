"""`llmbench doctor`: what this machine has, what it lacks, and what to do about it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_llmbench.commands.examine import EXAMINATIONS

if TYPE_CHECKING:
    import argparse

    from pytest_llmbench.commands.examine import Finding

__all__ = ["Doctor"]


class Doctor:
    """Looks at the machine and tells."""

    name = "doctor"
    summary = "look at this machine: what can run here, and what to do about the rest"
    description = """\
Look at Python, engines, Docker, GPUs, disk, hub and system, and say of each what there
is and, where something is missing, what to do. `no` is what keeps tests from running,
`--` what only some of them need. Starts nothing and downloads nothing."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take nothing."""

    def run(self, arguments: argparse.Namespace) -> int:  # noqa: ARG002 - as the Protocol has it
        """Print a line or two for each; 1 if no engine can be started here."""
        findings = [finding for examine in EXAMINATIONS for finding in examine()]
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            sys.stdout.write(f"{finding.word}  {finding.subject:{width}}  {finding.found}\n")
            if finding.remedy:
                sys.stdout.write(f"    {'':{width}}  -> {finding.remedy}\n")
        return int(not any(_runs_engines(finding) for finding in findings))


def _runs_engines(finding: Finding) -> bool:
    return finding.word == "ok" and finding.subject in {"embedded", "Docker"}
