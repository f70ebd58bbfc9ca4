"""`llmbench logs`: what a server says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_llmbench.commands.named import find_all, named

if TYPE_CHECKING:
    import argparse

__all__ = ["Logs"]


class Logs:
    """Prints a server's log."""

    name = "logs"
    summary = "print what a server says"
    description = """\
Print the log of one of our servers that `llmbench ps` lists; the logs of those that are
gone are in their session's folder, results/latest/servers.

  llmbench logs llmbench-tiny-glm.llama.tp01.gpux00-1a2b3c4d
  llmbench logs tiny-glm.llama.tp01.gpux00 --follow"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take which, and for how long."""
        parser.add_argument(
            "server", metavar="NAME", help="name of a server or a deployment, as `llmbench ps` has it"
        )
        parser.add_argument("--follow", "-f", action="store_true", help="until the server ends, or Ctrl-C")
        parser.add_argument("--tail", metavar="N", type=int, help="only the last lines")

    def run(self, arguments: argparse.Namespace) -> int:
        """Print it.

        Raises:
            UsageError: there is no such server.
            ServerError: the Docker daemon broke off.
        """
        for found in named(find_all(), [arguments.server]):
            for piece in found.log(follow=arguments.follow, tail=arguments.tail):
                sys.stdout.write(piece.decode(errors="replace"))
                sys.stdout.flush()
        return 0
