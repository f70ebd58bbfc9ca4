"""The results log: nothing that had finished is lost."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import StorageError
from pytest_llmbench.records import EnvironmentRecord, ResultRecord, SessionRecord, UnmeasuredRecord
from pytest_llmbench.reports.results_log import ResultsLog, assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    MakeResult = Callable[..., ResultRecord]

SKIPPED = UnmeasuredRecord(nodeid="t.py::x", deployment="d", outcome="skipped", reason="needs Docker")


@pytest.fixture
def log(tmp_path: Path, session: SessionRecord, environment: EnvironmentRecord) -> Iterator[ResultsLog]:
    """Give a log that has begun."""
    log = ResultsLog(tmp_path / "new" / "results.jsonl")
    log.append(session.model_copy(update={"ended_at": None}))
    log.append(environment)
    yield log
    log.close()
    log.close()


def test_a_log_with_an_end_gives_the_whole_document(
    log: ResultsLog, make_result: MakeResult, session: SessionRecord
) -> None:
    """The end's session record replaces the beginning's, and the order of results is kept."""
    results = [make_result(workload=name) for name in ("short", "long")]
    for result in results:
        log.append(result)
    log.append(SKIPPED)
    log.end(session)
    document = assemble(log.path)
    assert document.session == session
    assert list(document.results) == results
    assert document.unmeasured == (SKIPPED,)


def test_every_line_is_on_disk_when_append_returns(log: ResultsLog, make_result: MakeResult) -> None:
    """Another reader sees each result at once; the document says it is not complete."""
    log.append(make_result())
    document = assemble(log.path)
    assert len(document.results) == 1
    assert (document.session.complete, document.session.ended_at) == (False, None)
    kinds = [json.loads(line)["kind"] for line in log.path.read_text(encoding="utf-8").splitlines()]
    assert kinds == ["session", "environment", "result"]


def test_a_torn_last_line_is_dropped_wherever_it_was_torn(log: ResultsLog, make_result: MakeResult) -> None:
    """A process killed while writing costs the line it was writing and no other."""
    log.append(make_result(workload="kept"))
    whole = log.path.stat().st_size
    log.append(make_result(workload="torn"))
    data = log.path.read_bytes()
    for length in (*range(whole, len(data), 97), len(data) - 1):
        log.path.write_bytes(data[:length])
        assert [r.workload.id for r in assemble(log.path).results] == ["kept"]


def test_a_damaged_line_in_the_middle_is_named(log: ResultsLog, make_result: MakeResult) -> None:
    """That is not what a killed process leaves; nothing is dropped silently."""
    log.append(make_result())
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(lines[0] + b"{half\n" + b"".join(lines[1:]))
    with pytest.raises(StorageError, match=r"results\.jsonl: line 2 is damaged"):
        assemble(log.path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"kind": "surprise", "record": {}}', "line 3 has the unknown kind 'surprise'"),
        ('{"kind": "unmeasured", "record": {"nodeid": 1}}', "line 3 is not a unmeasured this version"),
    ],
)
def test_a_line_of_another_version_is_named(log: ResultsLog, line: str, message: str) -> None:
    """What cannot be understood is said, with file and line."""
    with log.path.open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    with pytest.raises(StorageError, match=message):
        assemble(log.path)


def test_a_log_that_ended_before_it_began_says_so(tmp_path: Path, session: SessionRecord) -> None:
    """Without session or environment there is no document, and the message says why."""
    log = ResultsLog(tmp_path / "a.jsonl")
    with pytest.raises(StorageError, match="holds no session line"):
        assemble(log.path)
    log.append(session)
    with pytest.raises(StorageError, match="holds no environment line"):
        assemble(log.path)
    log.close()


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Reading, and opening where no file can be, name the file."""
    with pytest.raises(StorageError, match=r"absent\.jsonl: cannot read"):
        assemble(tmp_path / "absent.jsonl")
    with pytest.raises(StorageError, match="cannot write results"):
        ResultsLog(tmp_path)


def test_a_file_at_its_size_limit_loses_nothing_that_was_written(
    log: ResultsLog, make_result: MakeResult, session: SessionRecord
) -> None:
    """When a write fails halfway, the half line is taken back and later lines are readable again."""
    log.append(make_result(workload="before"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 300, limits[1]))
        with pytest.raises(StorageError, match=r"results\.jsonl: cannot write results: .*too large"):
            log.append(make_result(workload="lost"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [r.workload.id for r in assemble(log.path).results] == ["before"]
    log.append(make_result(workload="after"))
    log.end(session)
    document = assemble(log.path)
    assert [r.workload.id for r in document.results] == ["before", "after"]
    assert document.session.complete


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a real filesystem of 64 KiB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small disk needs root on Linux")
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this container may not mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_named_and_what_was_written_can_be_read(
    small_disk: Path, make_result: MakeResult, session: SessionRecord, environment: EnvironmentRecord
) -> None:
    """On a disk that really is full, every result whose append returned is in the rebuilt document."""
    log = ResultsLog(small_disk / "results.jsonl")
    log.append(session)
    log.append(environment)
    written = 0

    def fill() -> None:
        nonlocal written
        for written in range(1000):
            log.append(make_result(workload=f"w{written}"))

    with pytest.raises(StorageError, match=r"results\.jsonl: cannot write results: No space left") as caught:
        fill()
    log.close()
    assert caught.value.file == log.path
    assert written > 3
    assert [r.workload.id for r in assemble(log.path).results] == [f"w{n}" for n in range(written)]
