"""Writing as a whole and taking turns."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from pytest_llmbench.errors import StorageError
from pytest_llmbench.files import (
    first_mistake,
    json_text,
    locked,
    make_folder,
    read_bytes,
    write_atomically,
)
from pytest_llmbench.records import GpuRecord


def test_a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """Folders are made, an old file goes, no temporary file stays."""
    path = tmp_path / "a" / "b.json"
    write_atomically(path, "one")
    with path.open() as before:
        write_atomically(path, "twö\n")
        assert before.read() == "one"
    assert path.read_text(encoding="utf-8") == "twö\n"
    write_atomically(path, b"\xff\r\n")
    assert path.read_bytes() == b"\xff\r\n"
    assert [found.name for found in path.parent.iterdir()] == ["b.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """Whatever goes wrong, a reader finds what was there, and nothing is left beside it."""
    path = tmp_path / "report.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\udc80")
    assert path.read_text(encoding="utf-8") == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["report.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error carries the file for whoever wants to act on it."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot create this folder"):
        make_folder(tmp_path / "file" / "folder")
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="taken: cannot write: Is a directory") as caught:
        write_atomically(tmp_path / "taken", "text")
    assert caught.value.file == tmp_path / "taken"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["file", "taken"]


def test_json_is_strict() -> None:
    """No NaN, no half of a surrogate pair, and other alphabets stay readable."""
    with pytest.raises(ValueError, match="JSON compliant"):
        json_text({"a": math.nan})
    text = json_text({"b": "é\udc80", "a": 1}, sort_keys=True)
    assert text == '{"a": 1, "b": "é?"}\n'
    assert json.loads(text.encode("utf-8")) == {"a": 1, "b": "é?"}


def test_a_lock_that_another_process_holds_is_waited_for_and_then_named(tmp_path: Path) -> None:
    """Waiting has an end, and the kernel frees the lock of a holder that was killed."""
    lock = tmp_path / ".lock"
    holder = (
        "import pathlib, sys, time\n"
        "from pytest_llmbench.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", holder, str(lock)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            with (
                pytest.raises(StorageError, match=r"\.lock: another process has held"),
                locked(lock, timeout=0.1),
            ):
                pytest.fail("two hold the lock")
        finally:
            process.kill()
    with locked(lock, timeout=5):
        assert lock.read_bytes() == b""


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A folder where the lock file belongs is an error that says so."""
    with pytest.raises(StorageError, match="cannot open the lock"), locked(tmp_path):
        pytest.fail("a folder was locked")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be two users")
def test_a_lock_holds_between_users() -> None:
    """What one has created another can take, when it is free: in /tmp nobody may write what is another's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o1777)
        path = Path(folder) / "lock"
        with locked(path):
            assert "another process has held this lock" in _locked_by_another_user(path)
        assert _locked_by_another_user(path) == "taken"


def _locked_by_another_user(path: Path) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:  # not a new interpreter: that user may not be able to run it
        said = "nothing"
        try:
            os.setuid(65534)
            with locked(path, timeout=0.1):
                said = "taken"
        except StorageError as error:
            said = str(error)
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        return stream.read()


def test_read_bytes(tmp_path: Path) -> None:
    """A file is read whole; one that cannot be is named, with the cause."""
    (tmp_path / "a").write_bytes(b"\x00\n")
    assert read_bytes(tmp_path / "a") == b"\x00\n"
    with pytest.raises(StorageError) as caught:
        read_bytes(tmp_path / "b")
    assert str(caught.value) == f"{tmp_path / 'b'}: cannot read: No such file or directory"


def test_first_mistake() -> None:
    """The place comes before what is wrong, if it has one."""
    with pytest.raises(ValidationError) as nested:
        GpuRecord.model_validate_json('{"index": 0, "name": "x", "uuid": "y"}')
    assert first_mistake(nested.value) == "memory_bytes: Field required"
    with pytest.raises(ValidationError) as whole:
        GpuRecord.model_validate_json("{")
    assert first_mistake(whole.value).startswith("Invalid JSON")
