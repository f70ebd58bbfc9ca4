"""`llmbench baseline`: see what baselines hold, put them together, thin them out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.store import BaselineStore

if TYPE_CHECKING:
    import argparse

    from pytest_llmbench.baselines.model import Baseline

__all__ = ["BaselineCommand"]


class BaselineCommand:
    """Works on the files of `results/baselines`."""

    name = "baseline"
    summary = "list, show, merge and prune baselines"
    description = """\
Work with stored baselines.

  llmbench baseline list                what there is
  llmbench baseline show main           its cells, and from which sessions each has values
  llmbench baseline merge nightly main  add the sessions of `nightly` to `main`; a session
                                        id, or the path of a report.json, serves as well
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


def _list(store: BaselineStore, _arguments: argparse.Namespace) -> list[str]:
    names = store.names()
    if not names:
        return [f"no baselines in {store.root}; pytest -m bench --bench-save=main records one"]
    return [f"{name}: {_size(store.load(name))}" for name in names]


def _size(baseline: Baseline) -> str:
    sessions = {session for cell in baseline.cells.values() for session in cell}
    dates = sorted(entry.started_at[:10] for cell in baseline.cells.values() for entry in cell.values())
    return f"{len(baseline.cells)} cells, {len(sessions)} sessions, {dates[0]} to {dates[-1]}"


def _show(store: BaselineStore, arguments: argparse.Namespace) -> list[str]:
    baseline = store.load(arguments.baseline)
    lines = [f"{baseline.name}: {_size(baseline)}"]
    for cell, entries in sorted(baseline.cells.items()):
        lines.append(cell)
        for session, entry in sorted(entries.items(), key=lambda item: item[1].started_at):
            version = entry.treatment.version or "version unknown"
            count = len(entry.replicates)
            lines.append(f"  {session}  {entry.started_at[:16]}  {count} replicates  {version}")
    return lines


def _merge(store: BaselineStore, arguments: argparse.Namespace) -> list[str]:
    added = store.merge(store.load(arguments.source), arguments.baseline)
    return [f"{arguments.baseline}: {_size(store.load(arguments.baseline))}; {added} of them from here"]


def _prune(store: BaselineStore, arguments: argparse.Namespace) -> list[str]:
    dropped = store.prune(arguments.baseline, arguments.keep)
    return [f"{arguments.baseline}: {dropped} entries dropped; {_size(store.load(arguments.baseline))}"]


_ACTIONS = {"list": _list, "show": _show, "merge": _merge, "prune": _prune}
