"""The controller's side: what comes back from tests is written down as it comes, and told at the end."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from _pytest.junitxml import LogXML

from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.counting import counted
from pytest_llmbench.errors import LLMBenchError
from pytest_llmbench.records import ResultRecord, SessionRecord, UnmeasuredRecord
from pytest_llmbench.reports.document import Document, make_document
from pytest_llmbench.reports.folder import SessionFolder, new_session_id, write_document
from pytest_llmbench.reports.results_log import ResultsLog
from pytest_llmbench.reports.starts import count_starts
from pytest_llmbench.reports.terminal import render_summary
from pytest_llmbench.session import REPORT_ATTRIBUTE
from pytest_llmbench.spec.plan import redacted_argument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmbench.session import Session

__all__ = ["Reporting", "SessionJunit"]


class Reporting:
    """Collects results on the controller, keeps them on disk from the first, and reports at the end."""

    def __init__(self, session: Session, rootdir: Path) -> None:
        self._session = session
        self._root: Path = rootdir / session.settings.get("results")
        self._id = new_session_id()
        self._started_at = _now()
        self._results: list[ResultRecord] = []
        self._unmeasured: dict[str, UnmeasuredRecord] = {}
        self._log: ResultsLog | None = None
        self._troubles: list[str] = []
        self._document: Document | None = None
        self._saved: tuple[str, ...] = ()

    @cached_property
    def folder(self) -> SessionFolder:
        """The session's folder, made when something is to be put there."""
        return SessionFolder(self._root, self._id)

    @property
    def servers(self) -> Path:
        """Where logs of servers will go, whether the folder is there yet or not."""
        return self._root / "sessions" / self._id / "servers"

    @property
    def used(self) -> bool:
        """Something was measured, or should have been, and there is a folder for it."""
        return "folder" in vars(self)

    def open(self) -> None:
        """Make the folder."""
        self._attempt(lambda: self.folder)

    def take(self, report: pytest.TestReport) -> None:
        """Write down what one phase of a test brought."""
        data = getattr(report, REPORT_ATTRIBUTE, None)
        if data is None:
            return
        results = [ResultRecord.model_validate(result) for result in data.get("results", ())]
        self._take_results(results)
        if not results and (report.when == "call" or not report.passed) and report.when != "teardown":
            self._take_unmeasured(report, data)

    def _take_results(self, results: Sequence[ResultRecord]) -> None:
        self._results += results
        for result in results:
            self._keep(result)

    def _take_unmeasured(self, report: pytest.TestReport, data: dict[str, Any]) -> None:
        outcome: Literal["skipped", "failed", "error"] = "failed" if report.when == "call" else "error"
        if report.skipped:
            outcome = "skipped"
        if (report.when == "call" and report.passed) or data["needless"]:
            return  # a test may use a server without measuring; a rerun may have nothing to decide
        record = UnmeasuredRecord(
            nodeid=report.nodeid,
            deployment=data["deployment"],
            outcome=outcome,
            reason=data["reason"],
            missing=tuple(data["missing"]),
        )
        self._unmeasured[report.nodeid] = record
        self._keep(record)

    def _keep(self, record: ResultRecord | UnmeasuredRecord) -> None:
        """Append to the log; trouble is told at the end and costs nothing that was written before."""
        self._attempt(lambda: self._opened_log().append(record))

    def _opened_log(self) -> ResultsLog:
        """Open the log with its head; none without, since nothing could be assembled from it."""
        if self._log is None:
            log = ResultsLog(self.folder.log)
            try:
                log.append(self._session_record(complete=False))
                log.append(self._session.environment)
            except BaseException:
                log.close()
                raise
            self._log = log
        return self._log

    def finish(self, *, complete: bool) -> bool:
        """Write the document and the baseline; return whether all could be written."""
        self._take_results(self._session.results)  # of a test that was interrupted
        if not self.used:
            return not self._troubles
        record = self._session_record(complete=complete)
        self._document = make_document(
            record, self._session.environment, self._results, self._unmeasured.values()
        )
        self._attempt(lambda: self._log.end(record) if self._log else None)
        self._attempt(lambda: self.folder.write_report(self._document) if self._document else None)
        settings = self._session.settings
        if (path := settings.get("json")) is not None:
            self._attempt(lambda: write_document(Path(path), self._document) if self._document else None)
        if (name := settings.get("save")) is not None and complete:
            self._attempt(lambda: self._save(name))
        if self._log is not None:
            self._log.close()
        return not self._troubles

    def _save(self, name: str) -> None:
        self._saved = BaselineStore(self._root / "baselines").save(
            name, self.folder.id, self._results, self._started_at, self._session.environment
        )

    def _attempt(self, write: Any) -> None:  # noqa: ANN401
        try:
            write()
        except LLMBenchError as error:
            self.trouble(str(error))

    def trouble(self, text: str) -> None:
        """Remember what could not be written, once."""
        if text not in self._troubles:
            self._troubles.append(text)

    def _session_record(self, *, complete: bool) -> SessionRecord:
        return SessionRecord(
            id=self.folder.id,
            started_at=self._started_at,
            ended_at=_now(),
            command=shlex.join(["pytest", *(redacted_argument(text) for text in sys.argv[1:])]),
            complete=complete,
            server_starts=count_starts(self.folder.servers),
        )

    def summarize(self, terminal: pytest.TerminalReporter) -> None:
        """Write the summary to the terminal."""
        if self._document is not None:
            self._summarize(terminal, self._document)
        for trouble in self._troubles:
            terminal.write_line(f"not written: {trouble}", red=True)

    def _summarize(self, terminal: pytest.TerminalReporter, document: Document) -> None:
        text = render_summary(
            document,
            width=min(terminal._tw.fullwidth, 120),  # noqa: SLF001 - there is no public way to the width
            color=terminal._tw.hasmarkup,  # noqa: SLF001
            report=_shown(self._root / "latest", self.folder.report),
            junit=_shown(self._root / "latest", self.folder.junit),
        )
        terminal.section("benchmarks")
        terminal.write(_showable(text, terminal))
        if starts := document.session.server_starts:
            terminal.write_line(f"servers started: {starts}")
        if (name := self._session.settings.get("save")) is not None:
            told = f"{counted(len(self._saved), 'cell')} saved; compare with --bench-compare={name}"
            why = "no valid result" if document.session.complete else "the session was interrupted"
            terminal.write_line(f"baseline {name!r}: {told if self._saved else f'nothing saved: {why}'}")


class SessionJunit(LogXML):
    """pytest's own JUnit report, written into the session's folder beside whatever `--junitxml` asks for."""

    def __init__(self, reporting: Reporting) -> None:
        super().__init__("junit.xml", prefix=None, family="xunit2")
        self._reporting = reporting

    def pytest_sessionfinish(self, session: pytest.Session) -> None:  # type: ignore[override]
        """Write the file, if there is a folder to put it."""
        if self._reporting.used:
            self.logfile = str(self._reporting.folder.junit)
            try:
                super().pytest_sessionfinish()
            except OSError as error:
                self._reporting.trouble(f"{self.logfile}: cannot write: {error.strerror or error}")
                session.exitstatus = max(session.exitstatus, pytest.ExitCode.TESTS_FAILED)

    def pytest_terminal_summary(self) -> None:  # type: ignore[override]
        """Say nothing: the summary names the file."""


def _showable(text: str, terminal: pytest.TerminalReporter) -> str:
    """Replace what the terminal's encoding does not have: pytest would escape all of it, line ends too."""
    encoding = getattr(terminal._tw._file, "encoding", None) or "utf-8"  # noqa: SLF001 - as the width
    return text.encode(encoding, "replace").decode(encoding)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _shown(latest: Path, file: Path) -> Path | None:
    """Where a file of the newest session is found; None if it could not be written."""
    if not file.is_file():
        return None
    path, here = latest / file.name, Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
