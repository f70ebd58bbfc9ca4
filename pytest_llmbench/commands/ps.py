"""`llmbench ps`: the servers that there are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_llmbench.commands.named import find_all, state

if TYPE_CHECKING:
    import argparse

__all__ = ["Ps"]


class Ps:
    """Lists our servers."""

    name = "ps"
    summary = "list our servers, and whose they are"
    description = """\
List our servers, in containers and as local processes (embedded ones end with their
session). `in use`: the session that started it lives. `kept`: it was started with
--bench-keep or `llmbench serve --detach`; `llmbench stop` ends it.
`left over`: its session was killed; the next start removes it, and so does
`llmbench clean`. `of elsewhere`: started in another process namespace or on another
host, so that nobody here can tell."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take nothing."""

    def run(self, arguments: argparse.Namespace) -> int:  # noqa: ARG002 - as the Protocol has it
        """Print a line for each.

        Raises:
            ServerError: the Docker daemon broke off.
        """
        servers = find_all()
        if not servers:
            sys.stdout.write("no servers\n")
            return 0
        rows = [("NAME", "KIND", "STATE", "STATUS", "ADDRESS", "SESSION", "OWNER")]
        rows += [
            (
                found.name,
                found.kind,
                state(found),
                found.status,
                found.address or "-",
                found.tag.session or "-",
                str(found.tag.owner.pid),
            )
            for found in servers
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
            sys.stdout.write("  ".join(cells).rstrip() + "\n")
        return 0
