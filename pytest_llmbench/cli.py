"""`llmbench`: what is done with sessions outside of pytest."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

from pytest_llmbench.commands import COMMANDS
from pytest_llmbench.errors import LLMBenchError, UsageError, nearest
from pytest_llmbench.termination import Terminated, ending_on_sigterm

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FAILED", "INTERRUPTED", "TERMINATED", "USAGE", "main"]

FAILED = 1
"""Exit code: a file could not be read or written."""
INTERRUPTED = 130
"""Exit code: Ctrl-C, as shells have it."""
TERMINATED = 143
"""Exit code: SIGTERM, likewise."""
USAGE = 4
"""Exit code: the command makes no sense; pytest's own for the same."""


_OPTION = re.compile(r"^  (?:-\w, )?(--[\w-]+)", re.MULTILINE)


class _Parser(argparse.ArgumentParser):
    """Leaves the wording and the exit code of mistakes to `main`."""

    def error(self, message: str) -> NoReturn:
        text = f"{message}; {self.prog} --help says what there is"
        raise UsageError(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code: 0, 1 for trouble with files, 4 for a wrong command."""
    # A terminal or pipe that cannot show a dash or a µ is no reason to fail.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    parser = _parser()
    try:
        arguments = _parsed(parser, sys.argv[1:] if argv is None else argv)
        if arguments.command is None:
            parser.print_help(sys.stderr)
            return USAGE
        with ending_on_sigterm():
            code: int = arguments.command.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("\nllmbench: interrupted\n")
        return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED
    except LLMBenchError as error:
        return _fail(error, USAGE if isinstance(error, UsageError) else FAILED)
    except BrokenPipeError:
        # The reader (`head`, a closed pager) has seen enough; the interpreter's own flush must not complain.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _fail(LLMBenchError(f"{error.filename or 'output'}: {error.strerror or error}"), FAILED)
    return code


def _parsed(parser: _Parser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command line.

    Raises:
        UsageError: it is wrong; what nobody knows is told by the nearest name, where argparse has none.
    """
    names = [command.name for command in COMMANDS]
    if argv and not argv[0].startswith("-") and argv[0] not in names:
        message = f"there is no command {argv[0]!r}: {nearest(argv[0], names)}"
        raise UsageError(message)
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        name, prog = unknown[0].partition("=")[0], arguments.parser.prog
        if not name.startswith("-"):
            message = f"{prog} takes no further argument: {name!r}; {prog} --help says what there is"
            raise UsageError(message)
        options = _OPTION.findall(arguments.parser.format_help())
        message = f"{prog} has no option {name}: {nearest(name.replace('--bench-', '--'), options, n=1)}"
        raise UsageError(message)
    return arguments


def _parser() -> _Parser:
    parser = _Parser(
        prog="llmbench",
        description="Work with what `pytest -m bench` measures, and with the servers it measures.",
        epilog="Benchmarks themselves are run by pytest: pytest -m bench",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('pytest-llmbench')}")
    parser.set_defaults(command=None, parser=parser)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        sub = subparsers.add_parser(
            command.name,
            help=command.summary,
            description=command.description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(sub)
        sub.set_defaults(command=command, parser=sub)
    return parser


def _fail(error: LLMBenchError, code: int) -> int:
    sys.stderr.write(f"llmbench: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
