"""The session's folder and `latest`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import StorageError
from pytest_llmbench.reports.document import make_document
from pytest_llmbench.reports.folder import SessionFolder, new_session_id, read_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord, SessionRecord


def test_ids_sort_by_start_and_differ_at_the_same_moment() -> None:
    """Text order is time order; equal times are told apart."""
    start = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)
    ids = [new_session_id(start + timedelta(milliseconds=n)) for n in (0, 1, 1000, 10**9)]
    assert ids == sorted(ids)
    assert re.fullmatch(r"20260102T030405\.006Z-[0-9a-f]{4}", ids[0])
    assert len({new_session_id(start) for _ in range(20)}) > 1


def test_a_folder_has_all_its_places_and_latest_points_at_it(tmp_path: Path) -> None:
    """The paths exist or can be written, and `latest` is relative, so that results can be moved."""
    folder = SessionFolder(tmp_path / "results")
    assert folder.path == tmp_path / "results" / "sessions" / folder.id
    assert folder.servers.is_dir()
    latest = tmp_path / "results" / "latest"
    assert latest.readlink() == Path("sessions") / folder.id
    assert folder.log.parent == folder.report.parent == folder.junit.parent == folder.path


def test_latest_moves_to_the_newest(tmp_path: Path) -> None:
    """A later session takes `latest` over; nothing is left beside it."""
    first, second = SessionFolder(tmp_path), SessionFolder(tmp_path)
    assert first.id != second.id
    assert (tmp_path / "latest").resolve() == second.path.resolve()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".gitignore", "latest", "sessions"]


def test_sessions_are_ignored_by_git_and_a_users_own_rules_stay(tmp_path: Path) -> None:
    """Baselines can be committed, sessions are not; an edited file is left alone."""
    SessionFolder(tmp_path)
    ignore = tmp_path / ".gitignore"
    assert ignore.read_text(encoding="utf-8").splitlines() == ["/sessions/", "/latest", "/baselines/.lock"]
    ignore.write_text("mine\n", encoding="utf-8")
    SessionFolder(tmp_path)
    assert ignore.read_text(encoding="utf-8") == "mine\n"


def test_where_symlinks_are_impossible_latest_is_a_text_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some filesystems refuse symlinks; a person still finds the newest folder, also the second time."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    SessionFolder(tmp_path)
    monkeypatch.setattr(Path, "symlink_to", refuse)
    for _ in range(2):
        folder = SessionFolder(tmp_path)
        assert (tmp_path / "latest").read_text(encoding="utf-8") == f"sessions/{folder.id}\n"


def test_places_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    """A taken id, a folder called `latest` and a file in the way are errors that name the path."""
    folder = SessionFolder(tmp_path, "mine")
    with pytest.raises(StorageError, match="mine: this session has a folder already"):
        SessionFolder(tmp_path, "mine")
    with pytest.raises(StorageError, match="cannot create this folder"):
        SessionFolder(tmp_path, "no/such/parent")
    with pytest.raises(StorageError, match="cannot create this folder"):
        SessionFolder(folder.root / ".gitignore")
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").mkdir()
    with pytest.raises(StorageError, match="latest: cannot be pointed at"):
        SessionFolder(tmp_path)


def test_a_report_is_written_read_and_replaced(
    tmp_path: Path,
    make_result: Callable[..., ResultRecord],
    session: SessionRecord,
    environment: EnvironmentRecord,
) -> None:
    """The document comes back equal, and writing again replaces it."""
    folder = SessionFolder(tmp_path)
    folder.write_report(make_document(session, environment))
    document = make_document(session, environment, [make_result()])
    assert folder.write_report(document) == folder.report
    assert read_document(folder.report) == document


def test_reading_what_is_no_report_names_file_and_place(tmp_path: Path) -> None:
    """Absent, not JSON, and JSON of something else are told apart."""
    path = tmp_path / "report.json"
    with pytest.raises(StorageError, match=r"report\.json: cannot read"):
        read_document(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(StorageError, match=r"report\.json: is not a report .*: Invalid JSON"):
        read_document(path)
    path.write_text('{"schema_version": "9.0"}', encoding="utf-8")
    with pytest.raises(StorageError, match=r"schema_version: Input should be '1\.0'"):
        read_document(path)
