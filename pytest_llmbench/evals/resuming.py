"""Where the replies of a session lie, and which of an interrupted one can be taken over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.baselines.cells import file_name
from pytest_llmbench.errors import StorageError, UsageError
from pytest_llmbench.evals.replies import read_replies

if TYPE_CHECKING:
    from pytest_llmbench.evals.replies import Replies, Reply

__all__ = ["interrupted_replies", "replies_files", "replies_path"]

_FOLDER = "replies"


def replies_path(session: Path, cell: str) -> Path:
    """Name the file of a cell's replies in a session's folder; a new name if there is one already."""
    first = session / _FOLDER / Path(file_name(cell)).with_suffix(".jsonl")
    path, number = first, 2
    while path.exists():
        path, number = first.with_stem(f"{first.stem}.{number}"), number + 1
    return path


def replies_files(session: Path) -> list[Path]:
    """List the files of replies in a session's folder."""
    return sorted((session / _FOLDER).glob("*.jsonl"))


def interrupted_replies(results: Path, session: str, digest: str) -> tuple[Reply, ...]:
    """Find replies of an eval that was asked in exactly the same way, and did not come to its end.

    `session` is a session's id or folder; empty for the newest that has any.

    Raises:
        UsageError: there is no such session.
        StorageError: its replies cannot be read.
    """
    sessions = results / "sessions"
    folders = sorted(sessions.iterdir(), reverse=True) if sessions.is_dir() else []
    if session:
        found = [path for path in (sessions / session, Path(session)) if path.is_dir()]
        if not found:
            message = f"--bench-eval-resume: there is no session {session!r} in {sessions}"
            raise UsageError(message)
        folders = found[:1]
    for folder in folders:
        for path in replies_files(folder):
            replies = _read(path, strictly=bool(session))
            if replies and replies.head.digest == digest and replies.replies and not replies.complete:
                return replies.replies
    return ()


def _read(path: Path, *, strictly: bool) -> Replies | None:
    """Read replies; what another session left damaged matters only to who asked for that session."""
    try:
        return read_replies(path)
    except StorageError:
        if strictly:
            raise
        return None
