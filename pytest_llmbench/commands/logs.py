"""`llmbench logs`: what a server in a container says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_llmbench.commands.named import named
from pytest_llmbench.runtimes.containers.daemon import connect, telling

if TYPE_CHECKING:
    import argparse

__all__ = ["Logs"]


class Logs:
    """Prints a container's log."""

    name = "logs"
    summary = "print what a server in a container says"
    description = """\
Print the log of one of our servers that still has its container; the logs of those that
are gone are in their session's folder, results/latest/servers.

  llmbench logs llmbench-tiny-glm.llama.tp01.gpux00-1a2b3c4d
  llmbench logs tiny-glm.llama.tp01.gpux00 --follow"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take which, and for how long."""
        parser.add_argument(
            "server", metavar="NAME", help="name of a container or a deployment, as `llmbench ps` has it"
        )
        parser.add_argument("--follow", "-f", action="store_true", help="until the server ends, or Ctrl-C")
        parser.add_argument("--tail", metavar="N", type=int, help="only the last lines")

    def run(self, arguments: argparse.Namespace) -> int:
        """Print it.

        Raises:
            UsageError: there is no such server.
            Unavailable: no Docker.
        """
        for found in named(connect(), [arguments.server]):
            tail = arguments.tail if arguments.tail is not None else "all"
            with telling(f"reading the log of {found.name}"):
                for piece in found.container.logs(stream=True, follow=arguments.follow, tail=tail):
                    sys.stdout.write(piece.decode(errors="replace"))
                    sys.stdout.flush()
        return 0
