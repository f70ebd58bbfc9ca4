"""The measuring client against the truth server, as a table in Markdown: `scripts/benchmark-client`.

TTFT 50 ms, ITL 10 ms, 100 tokens, all streams in step. Client and server share this machine. The last
column is the CPU of a loop that only reads (`benchmarks/bare.py`): less is not to be had on this machine.
"""

from __future__ import annotations

import argparse
import contextlib

from benchmarks.bare import bare_reader
from pytest_llmbench.calibration.calibrate import calibrate
from pytest_llmbench.calibration.level import requests_for
from pytest_llmbench.calibration.server import Behaviour
from pytest_llmbench.calibration.table import HEADERS, markdown, row
from pytest_llmbench.reports.environment import collect_environment

LEVELS = (64, 256, 1024)
SECONDS = 10.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--levels", type=int, nargs="+", default=LEVELS, metavar="N", help="streams")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each level (default: %(default)g)")
    parser.add_argument("--jitter", choices=("none", "uniform", "exponential"), default="none")
    arguments = parser.parse_args()
    behaviour = Behaviour(jitter=arguments.jitter)
    with contextlib.suppress(KeyboardInterrupt):
        found = calibrate(arguments.levels, seconds=arguments.seconds, behaviour=behaviour)
        print(machine(), end="\n\n")
        rows = []
        for level in found.levels:
            requests = requests_for(level.streams, arguments.seconds, behaviour)
            rows.append((*row(level), f"{bare_reader(level.streams, requests, behaviour):.1f}"))
        print(markdown((*HEADERS, "bare"), rows))
        for note in found.notes:
            print(f"- {note}")


def machine() -> str:
    """Say what it was measured on."""
    host = collect_environment({})
    return f"{host.cpu}, {host.cpu_cores} cores shared by client and server, {host.kernel}, {host.os}"


if __name__ == "__main__":
    main()
