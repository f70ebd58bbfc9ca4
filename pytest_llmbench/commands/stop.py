"""`llmbench stop`: end servers that were kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_llmbench.commands.named import named, state
from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.containers.daemon import connect
from pytest_llmbench.runtimes.containers.found import find_servers
from pytest_llmbench.runtimes.containers.server import end

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
  llmbench stop tiny-glm.llama.tp01.gpux00     one, by deployment or container name"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take which."""
        parser.add_argument(
            "servers", metavar="NAME", nargs="*", help="containers or deployments, as in `llmbench ps`"
        )
        parser.add_argument("--all", action="store_true", help="every kept server")

    def run(self, arguments: argparse.Namespace) -> int:
        """Stop them, and say which.

        Raises:
            UsageError: none was named, or there is none of that name.
            Unavailable: no Docker.
        """
        if not arguments.servers and not arguments.all:
            message = "name a server, or --all for every kept one; `llmbench ps` lists them"
            raise UsageError(message)
        client = connect()
        chosen = named(client, arguments.servers)
        if arguments.all:
            chosen += [found for found in find_servers(client) if found.tag.kept and found not in chosen]
        for found in chosen:
            was = state(found)
            end(found.container, None)
            sys.stdout.write(f"stopped {found.name} ({was})\n")
        if not chosen:
            sys.stdout.write("no kept servers\n")
        return 0
