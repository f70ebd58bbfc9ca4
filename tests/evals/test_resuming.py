from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import StorageError, UsageError
from pytest_llmbench.evals.replies import RepliesHead, Reply, ReplyWriter, read_replies
from pytest_llmbench.evals.resuming import interrupted_replies, replies_files, replies_path

if TYPE_CHECKING:
    from pathlib import Path


def _write(path: Path, count: int, *, digest: str = "d", prompts: int = 5) -> None:
    head = RepliesHead(name="e", eval="m:E", scorer="e 1", cell="a/e/c001", digest=digest, prompts=prompts)
    with ReplyWriter(path, head) as writer:
        writer.write(
            Reply(key=str(place), prompt="?", row={}, answer=f"{path.name} {place}") for place in range(count)
        )


def test_a_killed_session_loses_only_what_was_being_written(tmp_path: Path) -> None:
    """Half a line at the end is left out; half a line elsewhere is damage."""
    path = tmp_path / "r.jsonl"
    _write(path, 3)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[:-9], encoding="utf-8")
    assert [reply.key for reply in read_replies(path).replies] == ["0", "1"]
    path.write_text(text.replace('"key": "1"', '"key: "1"'), encoding="utf-8")
    with pytest.raises(StorageError, match="line 3 is not JSON"):
        read_replies(path)
    path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(StorageError, match="holds no replies of an eval: name: Field required"):
        read_replies(path)


def test_the_newest_interrupted_eval_is_found(tmp_path: Path) -> None:
    """Asked in the same way, begun and not finished; what is damaged is passed over."""
    sessions = tmp_path / "sessions"
    kept = (("1", 4, "d"), ("2", 2, "d"), ("3", 2, "other"), ("4", 5, "d"), ("6", 0, "d"))
    for name, count, digest in kept:
        _write(replies_path(sessions / name, "a/e/c001"), count, digest=digest)
    (sessions / "5" / "replies").mkdir(parents=True)
    (sessions / "5" / "replies" / "x.jsonl").write_text("damage\n", encoding="utf-8")
    assert len(interrupted_replies(tmp_path, "", "d")) == 2
    assert len(interrupted_replies(tmp_path, "1", "d")) == 4
    assert len(interrupted_replies(tmp_path, str(sessions / "1"), "d")) == 4
    assert interrupted_replies(tmp_path, "", "third") == ()
    with pytest.raises(StorageError, match=r"x\.jsonl"):
        interrupted_replies(tmp_path, "5", "d")
    with pytest.raises(UsageError, match="--bench-eval-resume: there is no session '9' in"):
        interrupted_replies(tmp_path, "9", "d")
    assert interrupted_replies(tmp_path / "nowhere", "", "d") == ()


def test_every_eval_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Also the second of the same cell."""
    first = replies_path(tmp_path, "a/e/c001")
    assert first.name == "a%2Fe%2Fc001.jsonl"
    _write(first, 0)
    second = replies_path(tmp_path, "a/e/c001")
    assert second != first
    _write(second, 0)
    assert replies_files(tmp_path) == sorted([first, second])
