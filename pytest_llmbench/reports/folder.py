"""Where a session's reports lie: `results/sessions/<id>/`, with `results/latest` pointing at the newest."""

from __future__ import annotations

import contextlib
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pytest_llmbench.errors import StorageError
from pytest_llmbench.files import first_mistake, make_folder, read_bytes, write_atomically
from pytest_llmbench.reports.document import Document, to_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SessionFolder", "new_session_id", "read_document", "session_folder", "write_document"]

# Baselines may be committed; what a session leaves behind may not.
_GITIGNORE = "/sessions/\n/latest\n/baselines/.lock\n"


def new_session_id(now: datetime | None = None) -> str:
    """Make an id that sorts by start time: UTC to the millisecond, then four random characters."""
    now = (now or datetime.now(UTC)).astimezone(UTC)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03d}Z-{secrets.token_hex(2)}"


class SessionFolder:
    """One session's own folder, new at construction, with `latest` pointing at it.

    Attributes:
        id: the session's id, the folder's name.
        path: the folder.
        servers: subfolder for the logs of servers.
        log: where the results log goes.
        report: where the document goes.
        junit: where the JUnit XML goes.
    """

    def __init__(self, root: Path, session_id: str | None = None) -> None:
        """Create it below `root` (`results`); a `StorageError` names what could not be made."""
        self.root = root
        self.id, self.path = _create(make_folder(root / "sessions"), session_id)
        self.servers = make_folder(self.path / "servers")
        self.log = self.path / "results.jsonl"
        self.report = self.path / "report.json"
        self.junit = self.path / "junit.xml"
        ignore = root / ".gitignore"
        if not ignore.exists():
            write_atomically(ignore, _GITIGNORE)
        _point(root / "latest", self.path)

    def write_report(self, document: Document) -> Path:
        """Write `report.json`, replacing an earlier one as a whole."""
        write_document(self.report, document)
        return self.report


def session_folder(path: Path) -> Path:
    """Find the session meant by a path: `results` and `results/latest` mean the newest.

    Anything else is returned as it is, whether it exists or not.
    """
    link = path / "latest" if (path / "sessions").is_dir() else path
    if link.name != "latest" or not link.is_file():
        return link
    try:
        return link.parent / link.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read which session is the newest: {error}"
        raise StorageError(message, file=link) from error


def write_document(path: Path, document: Document) -> None:
    """Write a document anywhere, as a whole or not at all; a `StorageError` names the file."""
    write_atomically(path, to_json(document))


def read_document(path: Path) -> Document:
    """Read a `report.json`; a `StorageError` names the file and what is wrong with it."""
    try:
        return Document.model_validate_json(read_bytes(path))
    except ValidationError as error:
        message = f"is not a report this version understands: {first_mistake(error)}"
        raise StorageError(message, file=path) from error


def _create(sessions: Path, session_id: str | None) -> tuple[str, Path]:
    while True:
        name = session_id or new_session_id()
        try:
            (sessions / name).mkdir()
        except FileExistsError as error:
            if session_id is None:
                continue
            message = "this session has a folder already"
            raise StorageError(message, file=sessions / name) from error
        except OSError as error:
            message = f"cannot create this folder: {error.strerror or error}"
            raise StorageError(message, file=sessions / name) from error
        return name, sessions / name


def _point(link: Path, folder: Path) -> None:
    """Swap `latest` in one step, so that a reader never finds it absent."""
    target = folder.relative_to(link.parent)
    temporary = link.with_name(f".latest.{secrets.token_hex(4)}.tmp")
    try:
        temporary.symlink_to(target, target_is_directory=True)
    except (OSError, NotImplementedError):
        # Some filesystems have no symlinks; a file that names the folder is the next best thing.
        write_atomically(link, f"{target.as_posix()}\n")
        return
    try:
        temporary.replace(link)
    except OSError as error:
        message = f"cannot be pointed at {target}: {error.strerror or error}"
        raise StorageError(message, file=link) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
