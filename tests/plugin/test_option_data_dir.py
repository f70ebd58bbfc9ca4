from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine

SUITE = """
    import pytest

    @pytest.mark.eval
    def test_it(evaluate):
        evaluate("gsm8k")
"""


def test_takes_the_data_from_there(project: Project, engine: FakeEngine) -> None:
    """Nothing is fetched."""
    project.suite(SUITE)
    folder = project.root / "data" / "gsm8k"
    folder.mkdir(parents=True)
    rows = [{"question": f"{n} + {n}?", "answer": f"So.\n#### {n + n}"} for n in range(8)]
    for name, part in (("train", rows[:5]), ("test", rows[5:])):
        text = "".join(f"{json.dumps(row)}\n" for row in part)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    engine.say = lambda prompt: f"It is #### {2 * int(prompt.split()[-4])}" if prompt else ""
    left = project("-m", "eval", f"--bench-data-dir={folder.parent}")
    assert left.code == 0, left.out
    assert left.result["evaluation"]["scores"]["strict"]["mean"] == 1
    assert left.result["evaluation"]["settings"] == {"shots": 5, "cot": False}


def test_says_what_is_missing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder; and without one, when nothing can be fetched."""
    project.suite(SUITE)
    left = project("-m", "eval", f"--bench-data-dir={project.root}")
    assert left.code == 1
    assert f"--bench-data-dir: {project.root} has no gsm8k/train*.jsonl" in left.out
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    left = project("-m", "eval", "-rs")
    assert left.code == 0, left.out
    assert "give --bench-data-dir=FOLDER" in " ".join(left.out.split())


def test_must_be_a_folder(project: Project) -> None:
    """Told before a server is started for nothing."""
    project("-m", "eval", "--bench-data-dir=nowhere").usage_error("--bench-data-dir nowhere: no such folder")
