"""`llmbench report`: a session is shown again, and rebuilt if it was killed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import cli
from pytest_llmbench.reports.document import Document, make_document, to_json
from pytest_llmbench.reports.folder import SessionFolder, read_document
from pytest_llmbench.reports.results_log import ResultsLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord, SessionRecord


@pytest.fixture
def document(
    make_result: Callable[..., ResultRecord], session: SessionRecord, environment: EnvironmentRecord
) -> Document:
    """Give what a session measured."""
    return make_document(session, environment, [make_result()])


@pytest.fixture
def killed(tmp_path: Path, document: Document, monkeypatch: pytest.MonkeyPatch) -> SessionFolder:
    """Be where a session was killed after its first result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    folder = SessionFolder(tmp_path / "results")
    log = ResultsLog(folder.log)
    log.append(document.session.model_copy(update={"ended_at": None}))
    log.append(document.environment)
    log.append(document.results[0])
    log.close()
    return folder


@pytest.fixture
def ended(killed: SessionFolder, document: Document) -> SessionFolder:
    """Be where a session ended."""
    killed.write_report(document)
    killed.junit.write_text("<testsuites/>", encoding="utf-8")
    return killed


def test_the_newest_session_is_shown(ended: SessionFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an argument, as pytest showed it, with where the reports lie."""
    assert cli.main(["report"]) == 0
    captured = capsys.readouterr()
    assert "  short        1" in captured.out
    assert captured.out.endswith("report: results/latest/report.json\njunit:  results/latest/junit.xml\n")
    assert captured.err == ""
    assert ended.report.exists()


@pytest.mark.parametrize(
    "path", ["results", "results/latest", "{id}", "{id}/results.jsonl", "{id}/report.json"]
)
def test_a_session_is_found_by_any_of_its_paths(
    path: str, ended: SessionFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folder, log and report all mean the session."""
    assert cli.main(["report", path.format(id=f"results/sessions/{ended.id}")]) == 0
    assert "short" in capsys.readouterr().out


def test_the_newest_is_found_where_there_are_no_symlinks(
    ended: SessionFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """There `latest` is a file that names the folder."""
    latest = ended.root / "latest"
    latest.unlink()
    latest.write_text(f"sessions/{ended.id}\n", encoding="utf-8")
    assert cli.main(["report"]) == 0
    assert f"report: results/sessions/{ended.id}/report.json" in capsys.readouterr().out


def test_a_killed_session_is_rebuilt_and_says_so(
    killed: SessionFolder, document: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    """What had finished is shown and written to report.json, marked as incomplete."""
    assert cli.main(["report"]) == 0
    captured = capsys.readouterr()
    assert "this session did not run to its end" in captured.out
    assert captured.err == "rebuilt from results.jsonl: results/latest/report.json\n"
    rebuilt = read_document(killed.report)
    assert rebuilt.results == document.results
    assert rebuilt.session.complete is False


def test_a_log_is_read_even_where_there_is_a_report(
    ended: SessionFolder, document: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who names the log wants the log; the report stays what it was."""
    assert cli.main(["report", str(ended.log)]) == 0
    assert "did not run to its end" in capsys.readouterr().out
    assert read_document(ended.report) == document


def test_what_cannot_be_rebuilt_is_shown_all_the_same(
    killed: SessionFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder one may only read, as CI's artifacts are, costs the file and not the summary."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    assert cli.main(["report"]) == 0
    captured = capsys.readouterr()
    assert "short" in captured.out
    assert "report:" not in captured.out
    assert captured.err.startswith("not rebuilt: results/latest/report.json: cannot write")
    assert not killed.report.exists()


def test_json_goes_to_stdout_alone(
    ended: SessionFolder, document: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another program reads it."""
    assert cli.main(["report", "--json", "-"]) == 0
    assert capsys.readouterr().out == to_json(document) == ended.report.read_text(encoding="utf-8")


def test_json_goes_to_a_file_beside_the_summary(
    ended: SessionFolder, document: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is a report like any other."""
    assert cli.main(["report", str(ended.path), "--json", "copy/here.json"]) == 0
    assert "short" in capsys.readouterr().out
    assert read_document(Path("copy/here.json")) == document


def test_colour_is_for_terminals_that_want_it(
    ended: SessionFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe gets none, nor one who asked for none."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for terminal, variables, colored in (
        (False, {}, False),
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": "", "TERM": "dumb"}, False),
    ):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert cli.main(["report", str(ended.path)]) == 0
        assert ("\x1b[" in capsys.readouterr().out) is colored


@pytest.mark.parametrize("argument", ["nowhere", "x" * 5000, "results/sessions"])
@pytest.mark.usefixtures("ended")
def test_a_path_without_a_session_is_a_usage_error(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the path and what to do."""
    assert cli.main(["report", argument]) in {cli.USAGE, cli.FAILED}
    assert argument in capsys.readouterr().err


def test_files_that_cannot_be_understood_are_named(
    ended: SessionFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Damage is exit code 1, with the file in the message."""
    ended.report.write_text("{", encoding="utf-8")
    assert cli.main(["report"]) == cli.FAILED
    told = capsys.readouterr().err
    assert "report.json: is not a report" in told
    assert told.endswith("results.jsonl: llmbench report results/latest/results.jsonl\n")
    ended.log.write_text("", encoding="utf-8")
    assert cli.main(["report", os.fspath(ended.log)]) == cli.FAILED
    assert "results.jsonl: holds no session line" in capsys.readouterr().err
    (ended.root / "latest").unlink()
    (ended.root / "latest").write_bytes(b"\xff\xfe")
    assert cli.main(["report"]) == cli.FAILED
    assert "latest: cannot read which session is the newest" in capsys.readouterr().err


def test_a_session_that_measured_nothing_says_so(
    ended: SessionFolder, document: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty summary would look like a fault."""
    ended.write_report(document.model_copy(update={"results": ()}))
    ended.junit.unlink()
    assert cli.main(["report"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "nothing was measured in this session"
