"""`llmbench compare`: one baseline or report against another, or engines beside each other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.comparing import compare, newest, without
from pytest_llmbench.baselines.judge import FAILING, Rules
from pytest_llmbench.baselines.limits import DEFAULT_LIMITS, parse_limits
from pytest_llmbench.baselines.pivot import AXES, pivot
from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.commands.showing import terminal_width, wants_color
from pytest_llmbench.errors import UsageError
from pytest_llmbench.evals.judge import judge_stored
from pytest_llmbench.files import json_text, write_atomically
from pytest_llmbench.reports.compared import compared_document, compared_markdown, render_compared
from pytest_llmbench.reports.pivot_export import pivot_document, pivot_markdown
from pytest_llmbench.reports.pivot_table import render_pivot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

    from pytest_llmbench.baselines.model import Baseline
    from pytest_llmbench.records import VerdictRecord

__all__ = ["Compare"]

_STDOUT = "-"
_TWO = 2
_METRICS = "throughput_output,ttft.p50,itl.p50,tpot.p50"


class Compare:
    """Compares what was measured, starting nothing."""

    name = "compare"
    summary = "compare baselines and reports with each other, or engines side by side"
    description = """\
Judge B against A as a test with --bench-compare=A would be judged: three or more sessions
in A give a t test, fewer a plain threshold. A and B are names of baselines, ids of sessions,
or paths of reports. Evals are judged prompt by prompt. What drifted from baseline 'anchor',
if there is one, is told as well. The exit code is 1 if something regressed or is invalid.

  llmbench compare main results/latest                did the newest session get slower?
  llmbench compare main release --markdown -          for a job's summary or a pull request
  llmbench compare old.json new.json --compare-fail ttft.p99:10%

With --by, cells of one or more of them stand side by side: ratios with their intervals, and
the number of streams at which the lines of two engines cross. It says "not sure" where it
is not. Starting every server five times gives intervals from one session:

  pytest -m bench --bench-backend=vllm,llama --bench-concurrency=1,4,16 --bench-replicates=5
  llmbench compare results/latest --by backend        vLLM or llama.cpp?
  llmbench compare before.json after.json --by version
  llmbench compare results/latest --by profile --metrics ttft.p99,itl.p99"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take what to compare, how, and where to write it."""
        parser.add_argument(
            "sources", metavar="NAME|PATH|ID", nargs="+", help="A and B; with --by one or more"
        )
        parser.add_argument("--by", choices=AXES, help="put these side by side; nothing is judged")
        parser.add_argument(
            "--metrics",
            metavar="METRIC.STAT,...",
            help=f"with --by: compare these (default: {_METRICS}, the last if there is no itl)",
        )
        parser.add_argument(
            "--compare-fail",
            metavar="METRIC.STAT:PERCENT,...",
            help="what is gated, and from which change on; as --bench-compare-fail",
        )
        parser.add_argument(
            "--allow-mismatch", action="store_true", help="compare even what other hardware measured"
        )
        parser.add_argument("--results", default="results", metavar="DIR", help="default: %(default)s")
        parser.add_argument("--json", metavar="PATH", help="write JSON there, too; - prints it instead")
        parser.add_argument("--markdown", metavar="PATH", help="likewise, as Markdown")

    def run(self, arguments: argparse.Namespace) -> int:
        """Compare and show; 1 if something regressed or is invalid.

        Raises:
            UsageError: the arguments make no sense together, or nothing can be compared.
            BaselineMissing: there is none of that name.
            StorageError: a file cannot be read or written.
        """
        store = BaselineStore(Path(arguments.results) / "baselines")
        baselines = [store.load(source) for source in arguments.sources]
        if arguments.by:
            return _by(baselines, arguments)
        return _against(baselines, store.anchor(*baselines), arguments)


def _against(baselines: list[Baseline], anchor: Baseline | None, arguments: argparse.Namespace) -> int:
    if len(baselines) != _TWO:
        message = f"give two to compare, A and B, not {len(baselines)}; or say --by backend"
        raise UsageError(message)
    if arguments.metrics:
        message = "--metrics goes with --by; say --compare-fail=ttft.p50:5% for what is judged"
        raise UsageError(message)
    a, b = baselines
    limits = parse_limits(arguments.compare_fail) if arguments.compare_fail else DEFAULT_LIMITS
    compared = compare(a, b, Rules(limits, allow_mismatch=arguments.allow_mismatch), anchor)
    evals = _evals(without(a, compared.shared), b, compared.evals)
    if not compared.verdicts and not evals:
        message = f"{a.name} and {b.name} have no cell in common"
        if compared.shared:
            message = f"{a.name} has no session that is not of {b.name}, too: nothing to compare with"
        elif compared.only_a and compared.only_b:
            message += f": {compared.only_a[0]} ... and {compared.only_b[0]} ...; --by compares engines"
        raise UsageError(message)
    _tell(
        arguments,
        text=lambda **how: render_compared(compared, a, b, evals, **how),
        markdown=lambda: compared_markdown(compared, a, b, evals),
        document=lambda: compared_document(compared, a, b, evals),
    )
    found = (*compared.verdicts.values(), *evals.values())
    return int(any(verdict.verdict in FAILING for verdict in found))


def _evals(a: Baseline, b: Baseline, cells: tuple[str, ...]) -> dict[str, VerdictRecord]:
    """Judge the newest of each eval, prompt by prompt."""
    found = {}
    for cell in cells:
        last = list(newest(b.cells[cell]).values())[-1]
        if last.evaluation is not None:
            found[cell] = judge_stored(cell, last.evaluation, last.treatment, a, evals=len(cells))
    return found


def _by(baselines: list[Baseline], arguments: argparse.Namespace) -> int:
    if arguments.compare_fail:
        message = "--compare-fail judges B against A; with --by nothing fails: say --metrics"
        raise UsageError(message)
    metrics = [part.strip() for part in (arguments.metrics or _METRICS).split(",")]
    limits = parse_limits(",".join(f"{metric}:3%" for metric in metrics))
    found = pivot(baselines, arguments.by, Rules(limits, allow_mismatch=arguments.allow_mismatch))
    if not found.pairs:
        names = ", ".join(found.columns) or "none"
        message = f"nothing stands side by side: no workload and load has two of a {arguments.by} ({names})"
        raise UsageError(message)
    if not arguments.metrics:
        has_itl = any("itl.p50" in pair.comparisons for pair in found.pairs)
        metrics.remove("tpot.p50" if has_itl else "itl.p50")
    _tell(
        arguments,
        text=lambda **how: render_pivot(found, metrics, **how),
        markdown=lambda: pivot_markdown(found, metrics),
        document=lambda: pivot_document(found, metrics),
    )
    return 0


def _tell(
    arguments: argparse.Namespace,
    *,
    text: Callable[..., str],
    markdown: Callable[[], str],
    document: Callable[[], dict[str, Any]],
) -> None:
    """Print one form, and write the others that were asked for."""
    if arguments.json == _STDOUT:
        sys.stdout.write(json_text(document(), indent=2))
    elif arguments.markdown == _STDOUT:
        sys.stdout.write(markdown())
    else:
        sys.stdout.write(text(width=terminal_width(), color=wants_color()))
    if arguments.json not in {None, _STDOUT}:
        write_atomically(Path(arguments.json), json_text(document(), indent=2))
    if arguments.markdown not in {None, _STDOUT}:
        write_atomically(Path(arguments.markdown), markdown())
