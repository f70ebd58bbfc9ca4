"""Named baselines on disk: `results/baselines/<name>/<cell>.json`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from pytest_llmbench.baselines.cells import SUFFIX, cell_of, file_name
from pytest_llmbench.baselines.migrations import NewerSchema, migrated
from pytest_llmbench.baselines.model import (
    Baseline,
    CellDocument,
    entries_of,
    parts_by_cell,
    why_left_out,
)
from pytest_llmbench.errors import BaselineMissing, StorageError, UsageError, nearest
from pytest_llmbench.files import first_mistake, json_text, locked, read_bytes, write_atomically
from pytest_llmbench.records import EnvironmentRecord, ResultRecord  # noqa: TC001 - pydantic needs them

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ANCHOR", "BaselineStore", "check_name", "load_report"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_DEFAULT = "main"
ANCHOR = "anchor"
"""The baseline that never moves: with it, many changes too small to be noticed are seen together."""


class BaselineStore:
    """The baselines below one folder. Reading needs no lock, since files are replaced as a whole."""

    def __init__(self, root: Path) -> None:
        """Use `root` (`results/baselines`); it need not exist until something is saved."""
        self.root = root

    def names(self) -> tuple[str, ...]:
        """Names that hold at least one cell, sorted."""
        try:
            folders = [path for path in self.root.iterdir() if path.is_dir()]
        except FileNotFoundError:
            return ()
        except OSError as error:
            message = f"cannot read this folder: {error.strerror or error}"
            raise StorageError(message, file=self.root) from error
        return tuple(sorted(path.name for path in folders if any(path.glob(f"*{SUFFIX}"))))

    def default_name(self) -> str:
        """Choose when `--bench-compare` names none: the only one, else `main`, even if not recorded yet.

        `UsageError` when it is not clear which is meant.
        """
        names = self.names()
        if len(names) == 1:
            return names[0]
        if not names or _DEFAULT in names:
            return _DEFAULT
        message = f"say which baseline to compare with, as in --bench-compare={names[0]}; " + nearest(
            "", names
        )
        raise UsageError(message)

    def load(self, name: str) -> Baseline:
        """Read a baseline by its name, or the report of an earlier session by its path or id.

        `BaselineMissing` names the nearest ones and the command that records it; `StorageError` names a
        damaged file and what to do about it.
        """
        if _is_path(name):
            return load_report(Path(name))
        check_name(name)
        session = self.root.parent / "sessions" / name
        if name not in self.names() and (session / "report.json").exists():
            return load_report(session)
        if name not in self.names():
            message = (
                f"there is no baseline {name!r} in {self.root}: {nearest(name, self.names())}\n"
                f"record it with: pytest -m bench --bench-save={name}"
            )
            raise BaselineMissing(message)
        documents = [_read(path, name) for path in sorted((self.root / name).glob(f"*{SUFFIX}"))]
        return Baseline(
            name,
            {document.cell: document.sessions for document in documents},
            {document.cell: document.parts for document in documents if document.parts is not None},
        )

    def anchor(self, *compared: Baseline) -> Baseline | None:
        """Load the baseline that never moves, if there is one of its name and it is not one of these."""
        known = ANCHOR in self.names() and ANCHOR not in {baseline.name for baseline in compared}
        return self.load(ANCHOR) if known else None

    def save(
        self,
        name: str,
        session_id: str,
        results: Sequence[ResultRecord],
        started_at: str,
        environment: EnvironmentRecord,
    ) -> tuple[str, ...]:
        """Add one session's results to a baseline and return the cells it now has them for, sorted.

        Invalid results never enter. Saving again under the same session id replaces the replicates that
        are given again, so that it may be repeated. Each cell is replaced as a whole; writers take turns.
        """
        check_name(name)
        entries = entries_of(results, started_at, environment)
        if not entries:
            return ()
        cells = {cell: {session_id: entry} for cell, entry in entries.items()}
        self._add(name, Baseline(name, cells, parts_by_cell(results)))
        return tuple(sorted(entries))

    def merge(self, source: Baseline, name: str) -> int:
        """Add all sessions of `source` to a baseline, which is made if there is none; return how many.

        Of a session that both have, the parts are put together.
        """
        check_name(name)
        self._add(name, source)
        return len({session for entries in source.cells.values() for session in entries})

    def prune(self, name: str, keep: int) -> int:
        """Drop all but the newest `keep` sessions of each cell; return how many entries were dropped.

        `UsageError` for less than one; `BaselineMissing` for a name that is none.
        """
        if keep < 1:
            message = f"--keep: expected a whole number of at least 1, not {keep}"
            raise UsageError(message)
        check_name(name)
        dropped = 0
        with locked(self.root / ".lock"):
            baseline = self.load(name)
            for cell, entries in baseline.cells.items():
                newest = sorted(entries, key=lambda session: entries[session].started_at)[-keep:]
                dropped += len(entries) - len(newest)
                if len(newest) < len(entries):
                    kept = {session: entries[session] for session in newest}
                    parts = baseline.parts.get(cell)
                    self._write(name, CellDocument(cell=cell, parts=parts, sessions=kept))
        return dropped

    def _add(self, name: str, source: Baseline) -> None:
        with locked(self.root / ".lock"):
            for cell, entries in sorted(source.cells.items()):
                path = self.root / name / file_name(cell)
                document = _read(path, name) if path.exists() else CellDocument(cell=cell, sessions={})
                self._write(name, document.merged(entries, source.parts.get(cell)))

    def _write(self, name: str, document: CellDocument) -> None:
        path = self.root / name / file_name(document.cell)
        # Sorted and indented: these are committed, and people read their differences.
        write_atomically(path, json_text(document.model_dump(mode="json"), indent=2, sort_keys=True))


def check_name(name: str) -> None:
    """Raise a `UsageError` for what cannot be the name of a baseline."""
    # A name that ends like a file could not be told from the path of a report.
    if not _NAME.fullmatch(name) or _is_path(name):
        message = (
            f"{name!r} cannot name a baseline: use letters, digits, '.', '_' and '-',"
            " begin with a letter or digit, and do not end in '.json'"
        )
        raise UsageError(message)


class _Session(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: str
    started_at: str


class _Report(BaseModel):
    """As much of a report as a baseline needs; the whole model lives above this package."""

    model_config = ConfigDict(extra="ignore")
    session: _Session
    environment: EnvironmentRecord
    results: tuple[ResultRecord, ...]


def load_report(path: Path) -> Baseline:
    """Use an earlier session's `report.json`, or the folder it lies in, as a baseline of one session."""
    file = path / "report.json" if path.is_dir() else path
    if not file.exists():
        message = (
            f"there is no report to compare with at {path}; baselines are recorded with --bench-save=NAME"
        )
        raise BaselineMissing(message)
    try:
        report = _Report.model_validate_json(read_bytes(file))
    except ValidationError as error:
        message = f"is not a report this version understands: {first_mistake(error)}"
        raise StorageError(message, file=file) from error
    entries = entries_of(report.results, report.session.started_at, report.environment)
    return Baseline(
        str(path),
        {cell: {report.session.id: entry} for cell, entry in entries.items()},
        parts_by_cell(report.results),
        {result.cell: why for result in report.results if (why := why_left_out(result))},
    )


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith(SUFFIX)


def _read(path: Path, name: str) -> CellDocument:
    repair = f"restore it from version control, or delete it and run pytest -m bench --bench-save={name}"
    try:
        stored = from_json(read_bytes(path))
        document = CellDocument.model_validate(migrated(stored) if isinstance(stored, dict) else stored)
    except NewerSchema as error:
        message = f"this baseline {error}; install a newer one, or take another baseline"
        raise StorageError(message, file=path) from error
    except ValidationError as error:
        message = f"this baseline is damaged ({first_mistake(error)}): {repair}"
        raise StorageError(message, file=path) from error
    except ValueError as error:
        message = f"this baseline is damaged (Invalid JSON: {error}): {repair}"
        raise StorageError(message, file=path) from error
    # On a filesystem that ignores case, two cells can share a file; and people rename files.
    if document.cell != cell_of(path.name):
        message = f"this file is named for another cell than the one it holds, {document.cell!r}: {repair}"
        raise StorageError(message, file=path)
    return document
