"""`llmbench report`: show a session again, and rebuild the report of one that was killed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.commands.sessions import take_session
from pytest_llmbench.commands.showing import terminal_width, wants_color
from pytest_llmbench.errors import LLMBenchError, StorageError, UsageError
from pytest_llmbench.files import write_atomically
from pytest_llmbench.reports.document import to_json
from pytest_llmbench.reports.folder import read_document, session_folder, write_document
from pytest_llmbench.reports.markdown import render_markdown
from pytest_llmbench.reports.results_log import assemble
from pytest_llmbench.reports.terminal import render_summary

if TYPE_CHECKING:
    import argparse

    from pytest_llmbench.reports.document import Document

__all__ = ["Report"]

_STDOUT = "-"


class Report:
    """Shows a session's results."""

    name = "report"
    summary = "show a session's results again; rebuild the report of one that was killed"
    description = """\
Show what a session measured: the same summary that pytest printed at its end.

A session writes each result into results.jsonl as it comes, and report.json at its
end. If it was killed before that, report.json is rebuilt here from results.jsonl:
nothing that had finished is lost.

  llmbench report                                   the newest session
  llmbench report results/sessions/20260102T...     an earlier one
  llmbench report --json - | jq '.results[].cell'   for other programs
  llmbench report --markdown - >> "$GITHUB_STEP_SUMMARY"   for a job or a pull request"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take a path, and where to write JSON."""
        take_session(parser, "its results.jsonl or a report.json")
        parser.add_argument(
            "--json",
            metavar="PATH",
            help="write the JSON report there, too; - prints it instead of the summary",
        )
        parser.add_argument(
            "--markdown",
            metavar="PATH",
            help="write the verdicts there as Markdown, too; - prints them instead of the summary",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Find, show and write.

        Raises:
            UsageError: there is no session at the path.
            StorageError: its files cannot be read, or the JSON not be written.
        """
        document, report = _open(arguments.path)
        if arguments.json == _STDOUT:
            sys.stdout.write(to_json(document))
            return 0
        if arguments.markdown == _STDOUT:
            sys.stdout.write(render_markdown(document))
            return 0
        junit = report.with_name("junit.xml")
        text = render_summary(
            document,
            width=terminal_width(),
            color=wants_color(),
            report=report if report.exists() else None,
            junit=junit if junit.exists() else None,
        )
        if not document.results and not document.unmeasured:
            text = f"nothing was measured in this session\n{text}"
        sys.stdout.write(text)
        if arguments.json is not None:
            write_document(Path(arguments.json), document)
        if arguments.markdown is not None:
            write_atomically(Path(arguments.markdown), render_markdown(document))
        return 0


def _open(path: Path) -> tuple[Document, Path]:
    """Read a session: (document, where its `report.json` is or would be)."""
    where = session_folder(path)
    if not where.exists():
        message = f"there is no session at {path}; pytest -m bench measures one"
        raise UsageError(message)
    if where.is_file() and where.suffix != ".jsonl":
        return read_document(where), where
    folder, log = (where, where / "results.jsonl") if where.is_dir() else (where.parent, where)
    report = folder / "report.json"
    if where.is_dir() and report.exists():
        try:
            return read_document(report), report
        except StorageError as error:
            if not log.exists():
                raise
            message = f"{error}\nits results are in {log}: llmbench report {log}"
            raise LLMBenchError(message) from None
    if not log.exists():
        message = f"{path} is not a session's folder: it has neither report.json nor results.jsonl"
        raise UsageError(message)
    document = assemble(log)
    if not report.exists():
        _rebuild(report, document)
    return document, report


def _rebuild(report: Path, document: Document) -> None:
    """Write the report the session did not get to; what is shown does not depend on it."""
    try:
        write_document(report, document)
    except StorageError as error:
        sys.stderr.write(f"not rebuilt: {error}\n")
    else:
        sys.stderr.write(f"rebuilt from results.jsonl: {report}\n")
