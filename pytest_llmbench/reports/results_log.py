"""Results as they come: one flushed JSON line each, from which the document can always be rebuilt."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from pytest_llmbench.errors import StorageError
from pytest_llmbench.files import first_mistake, json_text, make_folder, read_bytes
from pytest_llmbench.records import EnvironmentRecord, ResultRecord, SessionRecord, UnmeasuredRecord
from pytest_llmbench.reports.document import SCHEMA_VERSION, Document, make_document
from pytest_llmbench.reports.starts import count_starts

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Event", "ResultsLog", "assemble"]

Event = SessionRecord | EnvironmentRecord | ResultRecord | UnmeasuredRecord
Kind = Literal["session", "environment", "result", "unmeasured", "end"]

_KINDS: dict[type[Event], Kind] = {
    SessionRecord: "session",
    EnvironmentRecord: "environment",
    ResultRecord: "result",
    UnmeasuredRecord: "unmeasured",
}


class ResultsLog:
    """An append-only file of events: `{"kind": ..., "record": {...}}` a line.

    A line is on the disk when `append` returns, so whatever kills the session later loses nothing
    that had finished. One process writes; it is not safe between threads.
    """

    def __init__(self, path: Path) -> None:
        """Open for appending, creating the folder; a `StorageError` names the file."""
        self.path = path
        make_folder(path.parent)
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise self._trouble(error) from error

    def append(self, record: Event) -> None:
        """Write one record; its type is its kind.

        A `StorageError` names the file when it cannot be written; what was in it stays readable, and
        appending may be tried again.
        """
        self._write(_KINDS[type(record)], record)

    def end(self, session: SessionRecord) -> None:
        """Write the session's last word. A log without it is of a session that was killed."""
        self._write("end", session)

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, kind: Kind, record: Event) -> None:
        event: dict[str, Any] = {"kind": kind, "record": record.model_dump(mode="json")}
        if kind == "session":
            event["schema_version"] = SCHEMA_VERSION
        line = json_text(event).encode("utf-8")
        try:
            before = os.fstat(self._descriptor).st_size
            try:
                self._write_all(line)
                os.fsync(self._descriptor)
            except BaseException:
                # A full disk, or Ctrl-C, mid-line: the next line must not be glued to half of this one.
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, before)
                raise
        except OSError as error:
            raise self._trouble(error) from error

    def _write_all(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._descriptor, line) :]

    def _trouble(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot write results: {error.strerror or error}; those already in it are safe", file=self.path
        )


def assemble(path: Path) -> Document:
    """Rebuild the document from a log.

    `session.complete` is False when the log has no end. A torn last line is dropped: it is of a
    result that had not finished being written. Anything else unreadable is a `StorageError` that
    names the file and the line.
    """
    session: SessionRecord | None = None
    ended = False
    environment: EnvironmentRecord | None = None
    results: list[ResultRecord] = []
    unmeasured: list[UnmeasuredRecord] = []
    for number, kind, payload in _events(path):
        try:
            match kind:
                case "session":
                    session = SessionRecord.model_validate(payload)
                case "end":
                    session, ended = SessionRecord.model_validate(payload), True
                case "environment":
                    environment = EnvironmentRecord.model_validate(payload)
                case "result":
                    results.append(ResultRecord.model_validate(payload))
                case "unmeasured":
                    unmeasured.append(UnmeasuredRecord.model_validate(payload))
                case _:
                    message = (
                        f"line {number} has the unknown kind {kind!r}; was it written by a newer version?"
                    )
                    raise StorageError(message, file=path)
        except ValidationError as error:
            message = f"line {number} is not a {kind} this version understands: {first_mistake(error)}"
            raise StorageError(message, file=path) from error
    if session is None or environment is None:
        absent = "session" if session is None else "environment"
        message = f"holds no {absent} line: the session ended before it had measured anything"
        raise StorageError(message, file=path)
    if not ended:
        starts = count_starts(path.parent / "servers")
        session = session.model_copy(
            update={"complete": False, "ended_at": None, "server_starts": starts or session.server_starts}
        )
    return make_document(session, environment, results, unmeasured)


def _events(path: Path) -> list[tuple[int, object, object]]:
    """Read (line number, kind, record) of every whole line."""
    data = read_bytes(path)
    # What follows the last newline was never finished.
    lines = data.split(b"\n")[:-1]
    events: list[tuple[int, object, object]] = []
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
            events.append((number, event["kind"], event["record"]))
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):
                break
            message = f"line {number} is damaged; delete that line to read the others"
            raise StorageError(message, file=path) from error
    return events
