from __future__ import annotations

import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from tests.plugin.test_evals import SUITE, add

if TYPE_CHECKING:
    from tests.plugin.conftest import Left, Project
    from tests.plugin.fake_engine import FakeEngine


def _interrupt(left: Left, keep: int) -> None:
    """Leave what a session leaves that was killed after so many replies."""
    path = left.folder / left.result["evaluation"]["replies"]
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[: keep + 1]), encoding="utf-8")


def test_asks_only_what_has_no_reply_yet(project: Project, engine: FakeEngine) -> None:
    """The report says how many replies are of an earlier session."""
    project.suite(SUITE % 20)
    engine.say = add
    _interrupt(project("-m", "eval"), 15)
    left = project("-m", "eval", "--bench-eval-resume")
    assert left.result["evaluation"]["resumed"] == 15
    assert "note: 15 of 20 replies were resumed from an interrupted session" in left.out
    assert left.result["evaluation"]["scores"]["right"]["scored"] == 20
    asked = [body["messages"][-1]["content"] for body in engine.requests]
    assert len(set(asked)) == 5
    left = project("-m", "eval", "--bench-eval-resume")
    assert left.result["evaluation"]["resumed"] == 15, "only what was interrupted is resumed"


def test_a_session_that_was_killed(project: Project, engine: FakeEngine) -> None:
    """What was told of before is on disk, and is not asked again."""
    project.suite(SUITE % 60)
    killed, said = threading.Event(), []

    def hesitate(prompt: str) -> str:
        said.append(prompt)
        if len(said) > 20:
            killed.wait(60)
        return add(prompt)

    engine.say = hesitate
    process = subprocess.Popen(
        project.command("-m", "eval", "--bench-concurrency=2"),
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while sum(path.read_bytes().count(b"\n") for path in project.root.rglob("replies/*.jsonl")) < 10:
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
        killed.set()
    left = project("-m", "eval", "--bench-concurrency=2", "--bench-eval-resume")
    assert left.code == 0, left.out
    evaluation = left.result["evaluation"]
    assert 9 <= evaluation["resumed"] <= 20
    assert evaluation["scores"]["right"]["passed"] == 60


def test_a_session_may_be_named(project: Project, engine: FakeEngine) -> None:
    """One that does not exist is told, and another way of asking takes nothing over."""
    project.suite(SUITE % 10)
    engine.say = add
    first = project("-m", "eval")
    _interrupt(first, 4)
    named = f"--bench-eval-resume={first.folder.name}"
    assert project("-m", "eval", named).result["evaluation"]["resumed"] == 4
    assert project("-m", "eval", named, "--bench-output-tokens=9").result["evaluation"]["resumed"] == 0
    shutil.rmtree(first.folder)
    left = project("-m", "eval", named)
    assert left.code == 1
    assert f"--bench-eval-resume: there is no session '{first.folder.name}'" in left.out
