from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_writes_the_report_there_as_well(project: Project) -> None:
    """The same document, in folders that need not exist."""
    left = project("--bench-json=out/of/the/way.json")
    assert left.code == 0
    there = project.root / "out" / "of" / "the" / "way.json"
    assert there.read_text() == (left.folder / "report.json").read_text()


def test_fails_and_names_the_file_that_cannot_be_written(project: Project) -> None:
    """The tests pass, the session does not, and the report of its own is there."""
    (project.root / "file").write_text("in the way")
    left = project("--bench-json=file/report.json")
    assert left.code == 1
    assert "1 passed" in left.out
    assert "not written: file" in left.out
    assert len(left.results) == 1


def test_refuses_no_path(project: Project) -> None:
    """A variable that was not set is told before anything is measured."""
    project("--bench-json=").usage_error("--bench-json: expected PATH, not nothing")


def test_refuses_a_folder(project: Project) -> None:
    """Before anything is measured, not when the report is to be written."""
    project("--bench-json=.").usage_error("--bench-json .: this is a folder; name a file in it")
