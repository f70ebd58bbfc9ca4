"""`llmbench rescore`: score the replies of an earlier session again, with no server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.commands.sessions import take_session
from pytest_llmbench.counting import counted
from pytest_llmbench.errors import UsageError
from pytest_llmbench.evals.replies import read_replies
from pytest_llmbench.evals.rescoring import eval_of, load_eval, rescore
from pytest_llmbench.evals.resuming import replies_files
from pytest_llmbench.reports.eval_wording import keys_text, score_text
from pytest_llmbench.reports.folder import read_document, session_folder, write_document

if TYPE_CHECKING:
    import argparse

    from pytest_llmbench.evals.base import Eval
    from pytest_llmbench.evals.rescoring import Rescored
    from pytest_llmbench.records import EvalRecord
    from pytest_llmbench.reports.document import Document

__all__ = ["Rescore"]


class Rescore:
    """Scores replies again."""

    name = "rescore"
    summary = "score the replies of an earlier session again, with no server"
    description = """\
Score the replies of an earlier session again: with a newer scorer, with data that
was missing then (NLTK's Punkt), or with an eval of your own that you have changed.
Nothing is asked of any server.

  llmbench rescore                                  the newest session
  llmbench rescore results/sessions/20260102T...    an earlier one
  llmbench rescore --data-dir data                  Punkt is in data/nltk_data
  llmbench rescore --eval suites/sums.py:Sums       an eval of your own
  llmbench rescore --update                         put the scores into report.json"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take a session, and where evals and their data are."""
        take_session(parser, "or a file of its replies")
        parser.add_argument("--eval", metavar="FILE.py:CLASS", help="score with this eval")
        parser.add_argument("--data-dir", metavar="DIR", type=Path, help="folder that holds nltk_data")
        parser.add_argument("--update", action="store_true", help="put the scores into report.json")

    def run(self, arguments: argparse.Namespace) -> int:
        """Score, say what changed, and write if that was asked for.

        Raises:
            UsageError: there are no replies at the path, or no such eval.
            StorageError: a file cannot be read or written.
        """
        if arguments.data_dir is not None:
            told = os.environ.get("NLTK_DATA", "")
            os.environ["NLTK_DATA"] = os.pathsep.join(
                filter(None, [str(arguments.data_dir / "nltk_data"), told])
            )
        files, report = _files(arguments.path)
        document = read_document(report) if report.exists() else None
        own = load_eval(arguments.eval) if arguments.eval else None
        for file in files:
            document = _one(file, own, document, report.parent)
        if arguments.update:
            if document is None:
                message = f"there is no {report} to update"
                raise UsageError(message)
            write_document(report, document)
        return 0


def _files(path: Path) -> tuple[list[Path], Path]:
    """Find (files of replies, the session's report)."""
    where = session_folder(path)
    if where.is_file():
        return [where], where.parent.parent / "report.json"
    files = replies_files(where)
    if not files:
        message = f"there are no replies of evals in {path}; pytest -m eval leaves them behind"
        raise UsageError(message)
    return files, where / "report.json"


def _one(file: Path, own: Eval | None, document: Document | None, session: Path) -> Document | None:
    """Score a file of replies, say what changed, and return the document with it."""
    replies = read_replies(file)
    eval_ = own or eval_of(replies.head)
    new = rescore(replies, eval_)
    name = str(file.resolve().relative_to(session.resolve()))
    results = document.results if document else ()
    known = [result.evaluation for result in results if result.evaluation is not None]
    before = next((evaluation for evaluation in known if evaluation.replies == name), None)
    sys.stdout.write(_told(replies.head.cell, len(replies.replies), new, before))
    if document is None or before is None:
        return document
    after = {"evaluation": new.applied(before)}
    updated = tuple(
        result.model_copy(update=after) if result.evaluation is before else result for result in results
    )
    return document.model_copy(update={"results": updated})


def _told(cell: str, count: int, new: Rescored, before: EvalRecord | None) -> str:
    lines = [f"{cell}: {counted(count, 'reply', 'replies')}, scored by {new.scorer}"]
    for name, score in new.scores.items():
        old = before.scores.get(name) if before else None
        lines.append(f"  {name} {f'{score_text(old)} -> ' if old else ''}{score_text(score)}")
    if before is not None:
        changed = new.changed(before)
        named = f": {keys_text(changed)}" * bool(changed)
        lines.append(f"  {counted(len(changed), 'prompt')} got another verdict{named}")
    return "\n".join(lines) + "\n"
