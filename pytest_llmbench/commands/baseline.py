"""`llmbench baseline`: see what baselines hold, put them together, thin them out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.comparability import changes, mismatches
from pytest_llmbench.baselines.limits import DEFAULT_LIMITS
from pytest_llmbench.baselines.model import Baseline
from pytest_llmbench.baselines.store import BaselineStore, check_name
from pytest_llmbench.baselines.values import session_values
from pytest_llmbench.baselines.wording import format_value
from pytest_llmbench.counting import counted
from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.metrics.registry import METRICS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from pytest_llmbench.baselines.model import SessionEntry

__all__ = ["BaselineCommand"]


class BaselineCommand:
    """Works on the files of `results/baselines`."""

    name = "baseline"
    summary = "list, show, promote, merge and prune baselines"
    description = """\
Work with stored baselines.

  llmbench baseline list                what there is
  llmbench baseline show main           its cells, and the values that each session has of them
  llmbench baseline promote nightly main
                                        add the newest session of `nightly` to `main`, which
                                        is committed, say; a session id or the path of a
                                        report.json serves as well. From then on `main` means
                                        what that session ran: its version, its arguments
  llmbench baseline promote nightly main --dry-run
                                        only say what would be taken, and what not and why
  llmbench baseline merge nightly main  add all sessions of `nightly` to `main`
  llmbench baseline prune main --keep 10
                                        keep the newest ten sessions of each cell

A verdict needs three sessions or more; ten see changes of half the size that three do."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take an action, and where results lie."""
        parser.add_argument("--results", default="results", metavar="DIR", help="default: %(default)s")
        actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
        actions.add_parser("list", help="name every baseline")
        show = actions.add_parser("show", help="list a baseline's cells and sessions")
        show.add_argument("baseline", metavar="NAME")
        promote = actions.add_parser("promote", help="add chosen sessions of one baseline to another")
        promote.add_argument("source", metavar="FROM", help="name, session id, or path of a report.json")
        promote.add_argument("baseline", metavar="TO", nargs="?", default="main", help="default: %(default)s")
        promote.add_argument(
            "--session",
            metavar="ID",
            action="append",
            help="take this one, as `show` names it; repeatable (default: the newest)",
        )
        promote.add_argument("--dry-run", action="store_true", help="say what would be taken; write nothing")
        merge = actions.add_parser("merge", help="add the sessions of one baseline to another")
        merge.add_argument("source", metavar="FROM", help="name, session id, or path of a report.json")
        merge.add_argument("baseline", metavar="TO", help="name; made if there is none")
        prune = actions.add_parser("prune", help="drop all but the newest sessions of each cell")
        prune.add_argument("baseline", metavar="NAME")
        prune.add_argument("--keep", type=int, required=True, metavar="N", help="sessions of each cell")

    def run(self, arguments: argparse.Namespace) -> int:
        """Do what was asked for.

        Raises:
            BaselineMissing: there is none of that name.
            UsageError: a name or a number cannot be.
            StorageError: a file is damaged, or cannot be read or written.
        """
        store = BaselineStore(Path(arguments.results) / "baselines")
        lines = _ACTIONS[arguments.action](store, arguments)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return 0


_SHOWN = [limit.key for limit in DEFAULT_LIMITS if not limit.absolute]
"""What `show` tells of a session: what is gated, but for ratios, which are mostly zero."""


def _list(store: BaselineStore, _arguments: argparse.Namespace) -> list[str]:
    names = store.names()
    if not names:
        return [f"no baselines in {store.root}; pytest -m bench --bench-save=main records one"]
    return [f"{name}: {_size(store.load(name))}" for name in names]


def _size(baseline: Baseline) -> str:
    dates = [when[:10] for when in baseline.sessions.values()]
    cells, sessions = counted(len(baseline.cells), "cell"), counted(len(dates), "session")
    return f"{cells}, {sessions}, {dates[0]} to {dates[-1]}"


def _show(store: BaselineStore, arguments: argparse.Namespace) -> list[str]:
    baseline = store.load(arguments.baseline)
    lines = [f"{baseline.name}: {_size(baseline)}", f"of each session: {', '.join(_SHOWN)}"]
    for cell, entries in sorted(baseline.cells.items()):
        rows = []
        for session, entry in sorted(entries.items(), key=lambda item: item[1].started_at):
            values = session_values(entry.replicates)
            told = [
                format_value(values[key], METRICS[key.partition(".")[0]].unit) if key in values else "-"
                for key in _SHOWN
            ]
            count = counted(len(entry.replicates), "replicate")
            rows.append([session, *told, count, entry.treatment.version or "version unknown"])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += [cell, *("  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)]
    return lines


def _merge(store: BaselineStore, arguments: argparse.Namespace) -> list[str]:
    name, source = arguments.baseline, arguments.source
    added = store.merge(store.load(source), name)
    return [f"{name}: {_size(store.load(name))}; {added} of them from {source}"]


def _promote(store: BaselineStore, arguments: argparse.Namespace) -> list[str]:
    name = arguments.baseline
    check_name(name)
    if arguments.source == name:
        message = f"{name!r} is where it would be taken from and where it would be put"
        raise UsageError(message)
    source = store.load(arguments.source)
    wanted = arguments.session or list(source.sessions)[-1:]
    for session in wanted:
        if session not in source.sessions:
            message = f"{source.name!r} has no session {session!r}: {nearest(session, source.sessions)}"
            raise UsageError(message)
    chosen = source.only(wanted)
    target = store.load(name) if name in store.names() else Baseline(name, {})
    left_out = [f"  left out  {cell}: {why}" for cell, why in sorted(source.left_out.items())]
    if not chosen.cells:
        raise UsageError("\n".join([f"there is nothing in {source.name!r} to promote", *left_out]))
    lines = [f"{'would be taken' if arguments.dry_run else 'taken'} from {', '.join(wanted)}:"]
    for cell, entries in sorted(chosen.cells.items()):
        there = target.cells.get(cell, {})
        lines += [f"  {cell}{_beside(entry, there, id_)}" for id_, entry in entries.items()]
    if arguments.dry_run:
        return [*lines, *left_out, "dry run: nothing was written"]
    store.merge(chosen, name)
    return [*lines, *left_out, f"{name}: {_size(store.load(name))}"]


def _beside(entry: SessionEntry, there: Mapping[str, SessionEntry], session: str) -> str:
    """Say what an entry is, beside what its cell has already."""
    told = [counted(len(entry.replicates), "replicate"), entry.treatment.version or "version unknown"]
    if session in there:
        told.append("was there already")
    elif there:
        newest = max(there.values(), key=lambda known: known.started_at)
        told += mismatches(newest.conditions, entry.conditions)
        told += changes(newest.treatment, entry.treatment)
    else:
        told.append("new")
    return f"  ({'; '.join(told)})"


def _prune(store: BaselineStore, arguments: argparse.Namespace) -> list[str]:
    dropped = store.prune(arguments.baseline, arguments.keep)
    left = _size(store.load(arguments.baseline))
    return [f"{arguments.baseline}: {counted(dropped, 'entry', 'entries')} dropped; {left}"]


_ACTIONS = {"list": _list, "show": _show, "promote": _promote, "merge": _merge, "prune": _prune}
