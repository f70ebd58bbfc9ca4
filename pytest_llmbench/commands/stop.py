"""`llmbench stop`: end servers that were kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_llmbench.commands.named import find_all, named, state
from pytest_llmbench.errors import UsageError

if TYPE_CHECKING:
    import argparse

__all__ = ["Stop"]


class Stop:
    """Stops and removes kept servers."""

    name = "stop"
    summary = "end servers that were kept running"
    description = """\
Stop and remove servers that --bench-keep or `llmbench serve --detach` left running.
A server that a living session uses is stopped only if it is named.

  llmbench stop --all                          every kept one
  llmbench stop tiny-glm.llama.tp01.gpux00     one, by its deployment or its own name"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take which."""
        parser.add_argument(
            "servers", metavar="NAME", nargs="*", help="servers or deployments, as in `llmbench ps`"
        )
        parser.add_argument("--all", action="store_true", help="every kept server")

    def run(self, arguments: argparse.Namespace) -> int:
        """Stop them, and say which.

        Raises:
            UsageError: none was named, or there is none of that name.
            ServerError: the Docker daemon broke off.
        """
        if not arguments.servers and not arguments.all:
            message = "name a server, or --all for every kept one; `llmbench ps` lists them"
            raise UsageError(message)
        servers = find_all()
        chosen = named(servers, arguments.servers)
        if arguments.all:
            chosen += [found for found in servers if found.tag.kept and found not in chosen]
        for found in chosen:
            was = state(found)
            found.end()
            sys.stdout.write(f"stopped {found.name} ({was})\n")
        if not chosen:
            sys.stdout.write("no kept servers\n")
        return 0
