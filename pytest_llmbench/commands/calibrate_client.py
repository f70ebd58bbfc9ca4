"""`llmbench calibrate-client`: how exact the client is on this machine, and how much it carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from pytest_llmbench.calibration.calibrate import (
    DEFAULT_LEVELS,
    Calibration,
    calibrate,
    calibration_path,
    save_calibration,
)
from pytest_llmbench.calibration.figures import ACCURATE_P99
from pytest_llmbench.calibration.server import Behaviour
from pytest_llmbench.calibration.table import table
from pytest_llmbench.commands.numbers import count, positive
from pytest_llmbench.files import json_text

if TYPE_CHECKING:
    import argparse

    from pytest_llmbench.client.plan import Progress as LoadProgress

__all__ = ["CalibrateClient"]

_FOLDER = Path("results/calibration")
_SECONDS = 3.0
_STDOUT = "-"
_NARROWEST = 120  # the table's; a pipe has no width of its own


class CalibrateClient:
    """Drives the client against a server that knows the truth."""

    name = "calibrate-client"
    summary = "measure how exact the measuring client is on this machine, and how much it carries"
    description = f"""\
Run the client at rising load against a truth server on this machine: a streaming
server that records when it sent each chunk. The server is compiled on first use
(Linux, a C compiler).

  error      the client's stamp - the moment just before the chunk was sent
  TTFT       mean of the requests; true: from the kernel's stamp of the request to
             just before the first chunk was sent
  delivered  chunk rate / the rate without any delay; client and server share the machine
  merged     chunks that shared a read with a later one: their time is uncertain
  outside    chunks that did not arrive within their stated uncertainty; must be 0
  CPU s/M    CPU seconds of the client for a million chunks, decoding included

The result is stored in {_FOLDER}; it is no part of what makes sessions comparable.

  llmbench calibrate-client
  llmbench calibrate-client --levels 64,256,1024,4096 --seconds 10"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the load, and where to write JSON."""
        parser.add_argument(
            "--levels",
            metavar="N,...",
            type=_levels,
            default=DEFAULT_LEVELS,
            help=f"numbers of streams (default: {','.join(map(str, DEFAULT_LEVELS))})",
        )
        parser.add_argument(
            "--seconds", type=positive, default=_SECONDS, help="of each level, about (default: %(default)g)"
        )
        parser.add_argument(
            "--ttft", metavar="MS", type=positive, default=50.0, help="of the server (default: %(default)g)"
        )
        parser.add_argument(
            "--itl", metavar="MS", type=positive, default=10.0, help="of the server (default: %(default)g)"
        )
        parser.add_argument(
            "--tokens", metavar="N", type=count, default=100, help="a request (default: %(default)s)"
        )
        parser.add_argument(
            "--jitter",
            choices=("none", "uniform", "exponential"),
            default="none",
            help="of the server's gaps (default: %(default)s: all streams send at the same moments)",
        )
        parser.add_argument(
            "--json",
            metavar="PATH",
            help=f"write the figures there, not to {_FOLDER}/TIME.json; - prints them instead of the table",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure, show and store; 1 if a chunk arrived outside of its stated uncertainty.

        Raises:
            Unavailable: this machine can have no truth server.
        """
        behaviour = Behaviour(
            ttft=round(arguments.ttft * 1000),
            itl=round(arguments.itl * 1000),
            tokens=arguments.tokens,
            jitter=arguments.jitter,
        )
        calibration = _calibrate(arguments.levels, arguments.seconds, behaviour)
        out = Console(highlight=False)
        if arguments.json == _STDOUT:
            out.file.write(json_text(calibration.document(), indent=2))
        else:
            named = arguments.json
            path = Path(named) if named else calibration_path(_FOLDER, calibration.started_at)
            save_calibration(calibration, path)
            _show(out, calibration, path)
        return int(any(level.outside_share for level in calibration.levels))


def _calibrate(levels: tuple[int, ...], seconds: float, behaviour: Behaviour) -> Calibration:
    """Measure below a bar on the terminal's standard error; there is none where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}/{task.total:,}"))
    console = Console(stderr=True)
    # Twice a second, as the generator reports: every repaint takes CPU from what is being measured.
    with Progress(
        *columns, console=console, transient=True, refresh_per_second=2, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("starting", total=1)

        def show(streams: int, progress: LoadProgress) -> None:
            bar.update(
                task,
                description=f"{streams:,} streams, requests",
                completed=progress.finished,
                total=progress.total,
            )

        return calibrate(levels, seconds=seconds, behaviour=behaviour, on_progress=show)


def _show(out: Console, calibration: Calibration, path: Path) -> None:
    out.width = max(out.width, _NARROWEST)
    out.print(table(calibration.levels))
    out.print()
    rate = calibration.carried_rate
    accurate = f"p99 error under {ACCURATE_P99 * 1e3:g} ms"
    out.print(
        f"no level had a {accurate}" if rate is None else f"carried {rate:,.0f} chunks/s with {accurate}"
    )
    for note in calibration.notes:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(f"stored: {path}", soft_wrap=True)


def _levels(text: str) -> tuple[int, ...]:
    return tuple(count(part) for part in text.split(","))
