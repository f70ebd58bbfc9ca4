from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.cli import main
from pytest_llmbench.evals.replies import RepliesHead, Reply, ReplyWriter, read_replies
from pytest_llmbench.evals.rescoring import eval_of, load_eval, rescore
from pytest_llmbench.files import json_text
from pytest_llmbench.reports.document import make_document
from tests.evals.records import eval_result

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.records import EnvironmentRecord, SessionRecord

OWN = """
class Sums:
    name, scorer, max_tokens, stop = "sums", "sums 2", 9, ()
    def rows(self, data): return []
    def prompt(self, row): return ""
    def score(self, row, reply): return {"right": reply in row["right"]}
"""


@pytest.fixture
def session(tmp_path: Path, session: SessionRecord, environment: EnvironmentRecord) -> Path:
    """Give the folder of a session that asked two sums, and took only one spelling of the second."""
    folder = tmp_path / "results" / "sessions" / "1"
    head = RepliesHead(
        name="sums", eval="suite:Sums", scorer="sums 1", cell="a/sums/c004", digest="d", prompts=2
    )
    with ReplyWriter(folder / "replies" / "sums.jsonl", head) as writer:
        writer.write(
            [
                Reply(key="a", prompt="1 + 1", row={"right": ["2"]}, answer="2"),
                Reply(key="b", prompt="1 + 2", row={"right": ["3", "three"]}, answer="three"),
            ]
        )
    document = make_document(session, environment, [eval_result({"a": True, "b": False})])
    text = json_text(document.model_dump(mode="json"))
    (folder / "report.json").write_text(text, encoding="utf-8")
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    return folder


def test_says_what_changed(session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And leaves the report alone."""
    before = (session / "report.json").read_bytes()
    assert main(["rescore", str(session), "--eval", f"{tmp_path / 'own.py'}:Sums"]) == 0
    assert capsys.readouterr().out == (
        "a/sums/c004: 2 replies, scored by sums 2\n"
        "  right 50.0 % (9.5-90.5) -> 100.0 % (34.2-100.0)\n"
        "  1 prompt got another verdict: b\n"
    )
    assert (session / "report.json").read_bytes() == before


def test_updates_the_report(session: Path, tmp_path: Path) -> None:
    """Verdicts, scores and the scorer; given a file of replies as well as a folder."""
    own = f"{tmp_path / 'own.py'}:Sums"
    assert main(["rescore", str(session / "replies" / "sums.jsonl"), "--eval", own, "--update"]) == 0
    report = json.loads((session / "report.json").read_text(encoding="utf-8"))
    evaluation = report["results"][0]["evaluation"]
    assert (evaluation["marks"], evaluation["scorer"]) == ({"a": "+", "b": "+"}, "sums 2")
    assert evaluation["scores"]["right"]["mean"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "sums is an eval of your own (suite:Sums): say where it is with --eval FILE.py:CLASS"),
        (["--eval", "nowhere.py:Sums"], "--eval: expected FILE.py:CLASS, and there is no file 'nowhere.py'"),
        (["--eval", "{own}:Sum"], "own.py has no class 'Sum': did you mean 'Sums'?"),
    ],
)
def test_a_wrong_eval_is_told(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """In one message."""
    given = [text.format(own=tmp_path / "own.py") for text in arguments]
    assert main(["rescore", str(session), *given]) == 4
    assert told in capsys.readouterr().err


def test_a_session_without_evals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to score, or nothing to update."""
    assert main(["rescore", str(tmp_path)]) == 4
    assert "there are no replies of evals in" in capsys.readouterr().err


def test_nothing_to_update(session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A killed session has no report yet; its replies can be scored all the same."""
    (session / "report.json").unlink()
    own = f"{tmp_path / 'own.py'}:Sums"
    assert main(["rescore", str(session), "--eval", own]) == 0
    assert "right 100.0 %" in capsys.readouterr().out
    assert main(["rescore", str(session), "--eval", own, "--update"]) == 4
    assert "report.json to update" in capsys.readouterr().err


def test_evals_of_the_package_are_found_by_name(session: Path, tmp_path: Path) -> None:
    """Their replies hold the rows, so no data is needed."""
    replies = read_replies(session / "replies" / "sums.jsonl")
    head = replies.head.model_copy(update={"name": "gsm8k", "eval": "pytest_llmbench.evals.gsm8k.task:GSM8K"})
    solved = replies.replies[0].model_copy(update={"row": {"answer": "#### 2"}, "answer": "#### 2"})
    found = rescore(replies.model_copy(update={"head": head, "replies": (solved,)}), eval_of(head))
    assert found.scores["strict"].mean == 1
    assert load_eval(f"{tmp_path / 'own.py'}:Sums").scorer == "sums 2"
