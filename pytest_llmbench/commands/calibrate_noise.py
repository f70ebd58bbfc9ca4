"""`llmbench calibrate-noise`: how much sessions of the same differ here, and what a gate can see."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.judge import ALPHA, Rules
from pytest_llmbench.baselines.limits import DEFAULT_LIMITS, parse_limits
from pytest_llmbench.baselines.noise import alike, false_alarms, noise_of
from pytest_llmbench.baselines.sight import sight_of
from pytest_llmbench.baselines.store import BaselineStore, check_name
from pytest_llmbench.calibration.calibrate import calibration_path
from pytest_llmbench.commands.numbers import count
from pytest_llmbench.commands.showing import Showing, terminal_width, wants_color
from pytest_llmbench.errors import BaselineMissing, LLMBenchError, UsageError
from pytest_llmbench.files import json_text, write_atomically
from pytest_llmbench.reports.noise_report import Noise

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.baselines.limits import Limit
    from pytest_llmbench.baselines.model import Baseline

__all__ = ["CalibrateNoise"]

_STDOUT = "-"
_USABLE = (0, 1)
"""Exit codes of sessions that have measured: some of their tests may have failed, as invalid ones do."""
_TOLD = 20


class CalibrateNoise:
    """Measures the same again and again, and says what that means for a gate."""

    name = "calibrate-noise"
    summary = "measure how much sessions of the same differ here, and what a gate can see"
    description = """\
Run the same benchmarks in several sessions, each with servers of its own, and say how much
their values differ: from request to request, from replicate to replicate (starts of a
server), and from session to session. From that follows which change a gate can find with
how many sessions of baseline, or replicates of an A/B, and which it makes sense to gate.

What follows -- goes to pytest. Sessions add up in the baseline `noise`, so some today and
some tomorrow say more than all of them now. Ctrl-C keeps those that had finished.

  llmbench calibrate-noise -- -k tiny-glm
  llmbench calibrate-noise --sessions 3 --replicates 5 -- -k "qwen3-8b and throughput"
  llmbench calibrate-noise --from main                only say what baseline `main` tells
  llmbench calibrate-noise --from mon.json tue.json   or these reports"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take what to run, or what to look at."""
        parser.add_argument("--sessions", type=count, default=5, metavar="N", help="default: %(default)s")
        parser.add_argument(
            "--replicates", type=count, default=3, metavar="N", help="of each server (default: %(default)s)"
        )
        parser.add_argument(
            "--save", default="noise", metavar="NAME", help="baseline to add them to (default: %(default)s)"
        )
        parser.add_argument(
            "--from",
            dest="sources",
            metavar="NAME|PATH|ID",
            nargs="+",
            help="run nothing: look at these baselines and reports",
        )
        parser.add_argument(
            "--compare-fail",
            metavar="METRIC.STAT:PERCENT,...",
            help="what would be gated; as --bench-compare-fail",
        )
        parser.add_argument("--results", default="results", metavar="DIR", help="default: %(default)s")
        parser.add_argument(
            "--json", metavar="PATH", help="write JSON there, not to results/calibration; - prints it instead"
        )
        parser.add_argument(
            "pytest", metavar="-- ARGUMENT", nargs="*", help="of pytest: -k, --bench-model, files"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Run, estimate, show and store.

        Raises:
            UsageError: an argument cannot be, or there are too few sessions to say anything.
            LLMBenchError: a session ended without measuring.
        """
        limits = parse_limits(arguments.compare_fail) if arguments.compare_fail else DEFAULT_LIMITS
        store = BaselineStore(Path(arguments.results) / "baselines")
        if arguments.sources:
            if arguments.pytest:
                message = f"--from runs nothing: {' '.join(arguments.pytest)} is for nobody"
                raise UsageError(message)
            baseline, *others = (store.load(source) for source in arguments.sources)
            for other in others:
                baseline = baseline.joined(other)
            _tell(_noise(baseline, limits), arguments)
            return 0
        check_name(arguments.save)
        interrupt = _measure(arguments)
        try:
            _tell(_noise(store.load(arguments.save), limits), arguments)
        except LLMBenchError as error:
            if interrupt is None:
                raise
            known = not isinstance(error, BaselineMissing)
            sys.stderr.write(f"{error if known else 'no session had finished'}\n")
        if interrupt is not None:
            raise interrupt
        return 0


def _noise(baseline: Baseline, limits: Sequence[Limit]) -> Noise:
    """Estimate everything.

    Raises:
        UsageError: no cell was measured in two sessions of the same.
    """
    same = alike(baseline)
    cells = noise_of(same, limits)
    if not cells:
        message = f"{baseline.name!r} has no cell with two sessions of the same treatment and conditions"
        message += ": run it again, they add up"
        raise UsageError(message)
    metrics = [limit for limit in limits if any(one.metric == limit.key for one in cells)]
    alpha = ALPHA / len({one.cell for one in cells}) / len(metrics)
    sights = [sight_of(limit, [one for one in cells if one.metric == limit.key], alpha) for limit in metrics]
    return Noise(same, cells, tuple(sights), alpha, false_alarms(same, Rules(limits)))


def _measure(arguments: argparse.Namespace) -> KeyboardInterrupt | None:
    """Run the sessions; what interrupted them is returned, since those that had finished are kept.

    Raises:
        LLMBenchError: pytest ended without measuring; the end of what it said is in the message.
    """
    command = [
        *(sys.executable, "-m", "pytest", "-v", "-m", "bench"),
        *arguments.pytest,
        f"--bench-replicates={arguments.replicates}",
        f"--bench-save={arguments.save}",
        f"--bench-results={arguments.results}",
    ]
    showing = Showing()
    try:
        for number in range(arguments.sessions):
            step = f"session {number + 1} of {arguments.sessions}"
            showing(step)
            _session(command, showing, step)
    except KeyboardInterrupt as interrupt:
        return interrupt
    finally:
        showing.clear()
    return None


def _session(command: Sequence[str], showing: Showing, step: str) -> None:
    """Run one session. That it is interrupted it is told once, and may then end in order."""
    last: deque[str] = deque(maxlen=_TOLD)
    # A process group of its own: of a Ctrl-C at the terminal it would hear twice otherwise.
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    ) as process:
        try:
            _follow(process.stdout or (), last, showing, step)
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()  # not SIGINT, which who was started in the background may ignore
            _follow(process.stdout or (), last, showing, step)
            process.wait()
            raise
    if code not in _USABLE:
        lines = [f"  | {line}" for line in last]
        message = "\n".join([f"{step}: pytest ended with exit code {code} and has not measured:", *lines])
        raise LLMBenchError(message)


def _follow(output: Iterable[str], last: deque[str], showing: Showing, step: str) -> None:
    for line in output:
        if text := line.strip():
            last.append(text)
            showing(f"{step} · {text}")


def _tell(noise: Noise, arguments: argparse.Namespace) -> None:
    """Show it, and keep it where calibrations are kept."""
    text = json_text(noise.document(), indent=2)
    if arguments.json == _STDOUT:
        sys.stdout.write(text)
        return
    sys.stdout.write(noise.render(width=terminal_width(), color=wants_color()))
    folder = Path(arguments.results) / "calibration"
    path = Path(arguments.json) if arguments.json else calibration_path(folder, datetime.now(UTC), "noise-")
    write_atomically(path, text)
    sys.stdout.write(f"stored: {path}\n")
