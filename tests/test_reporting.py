from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_llmbench.reporting import Reporting
from pytest_llmbench.reports.results_log import assemble
from pytest_llmbench.reports.starts import note_start
from pytest_llmbench.session import REPORT_ATTRIBUTE
from tests.records import result_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.records import EnvironmentRecord
    from pytest_llmbench.session import Session


def reporting(root: Path, environment: EnvironmentRecord, **options: Any) -> Reporting:  # noqa: ANN401
    """Make a reporting with these options."""
    session = SimpleNamespace(
        settings=SimpleNamespace(get={"results": "results", **options}.get),
        environment=environment,
        results=[],
    )
    return Reporting(cast("Session", session), root)


def report(when: str = "call", outcome: str = "passed", **data: Any) -> pytest.TestReport:  # noqa: ANN401
    """Make the report of one phase of a test that measures."""
    made = pytest.TestReport("t", ("t.py", 1, "t"), {}, outcome, None, when)  # type: ignore[arg-type]
    usual = {"deployment": "d", "reason": "", "missing": (), "needless": False}
    setattr(made, REPORT_ATTRIBUTE, {**usual, **data})
    return made


def measured(**changes: Any) -> pytest.TestReport:  # noqa: ANN401
    """Make the report of a test that measured."""
    return report(results=[result_of(**changes).model_dump(mode="json")])


def test_a_result_is_on_disk_before_the_next_test(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """A session that is killed now has lost nothing."""
    run = reporting(tmp_path, environment)
    note_start(run.folder.servers, "d.r01")
    run.take(measured())
    document = assemble(run.folder.log)
    assert len(document.results) == 1
    assert not document.session.complete
    assert run.finish(complete=True)
    assert json.loads(run.folder.report.read_text())["session"]["server_starts"] == 1


def test_tests_that_do_not_measure_leave_nothing(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """Neither others' reports nor a passed use of a server make a folder."""
    run = reporting(tmp_path, environment)
    run.take(pytest.TestReport("x", ("t.py", 1, "t"), {}, "failed", None, "call"))
    run.take(report(results=[]))
    assert run.finish(complete=True)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("when", "outcome", "told"),
    [("setup", "skipped", "skipped"), ("setup", "failed", "error"), ("call", "failed", "failed")],
)
def test_what_was_not_measured_is_told_with_its_reason(
    tmp_path: Path, environment: EnvironmentRecord, when: str, outcome: str, told: str
) -> None:
    """Once for each test, with the cells it should have measured."""
    run = reporting(tmp_path, environment)
    run.take(report(when, outcome, reason="no GPU", missing=["d/short/c001"]))
    run.take(report("teardown"))
    run.finish(complete=True)
    (record,) = json.loads(run.folder.report.read_text())["unmeasured"]
    assert (record["outcome"], record["reason"], record["missing"]) == (told, "no GPU", ["d/short/c001"])


def test_a_folder_that_cannot_be_made_fails_the_session(
    tmp_path: Path, environment: EnvironmentRecord
) -> None:
    """And costs the tests nothing."""
    (tmp_path / "results").write_text("in the way")
    run = reporting(tmp_path, environment)
    run.take(measured())
    assert not run.finish(complete=True)
    assert "cannot create this folder" in run._troubles[0]


def test_a_log_is_opened_with_its_head_or_not_at_all(
    tmp_path: Path, environment: EnvironmentRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first result could not write the second does, so that the log can be assembled."""
    run = reporting(tmp_path, environment)
    with monkeypatch.context() as patch:
        patch.setattr("os.write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        run.take(measured())
    run.take(measured(workload="medium"))
    assert [result.workload.id for result in assemble(run.folder.log).results] == ["medium"]
    assert not run.finish(complete=True)
    assert len(json.loads(run.folder.report.read_text())["results"]) == 2


def test_an_interrupted_session_saves_no_baseline(tmp_path: Path, environment: EnvironmentRecord) -> None:
    """What is half measured is no measure."""
    run = reporting(tmp_path, environment, save="main")
    run.take(measured())
    assert run.finish(complete=False)
    assert not (tmp_path / "results" / "baselines").exists()
    again = reporting(tmp_path, environment, save="main")
    again.take(measured())
    assert again.finish(complete=True)
    assert len(list((tmp_path / "results" / "baselines" / "main").iterdir())) == 1


def test_what_an_interrupted_test_had_measured_is_kept(
    tmp_path: Path, environment: EnvironmentRecord
) -> None:
    """Its report never came; its result is there."""
    run = reporting(tmp_path, environment)
    run._session.results = [result_of()]
    run.finish(complete=False)
    assert len(assemble(run.folder.log).results) == 1
