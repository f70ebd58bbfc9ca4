"""Commands and the engines that a project adds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "engines.md"
CONFIG = """\
models:
  - {id: glm, source: owner/glm, run: [atom], tp: [2], backends: {atom: {version: v1}}}
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, in a process of its own: what it loads is none of ours."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_llmbench.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_ADDOPTS": "-p no:deepeval"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def example() -> str:
    """The engine of the docs."""
    found = re.search(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("file", "ini"),
    [("conftest.py", ""), ("house_engines.py", "[pytest]\naddopts = -p house_engines\npythonpath = .\n")],
)
def test_they_are_known_where_pytest_knows_them(tmp_path: Path, example: str, file: str, ini: str) -> None:
    """From `conftest.py`, or from a plugin that pytest's configuration names; nothing else is printed."""
    (tmp_path / file).write_text(example)
    (tmp_path / "pytest.ini").write_text(ini or "[pytest]\n")
    (tmp_path / "atom.yaml").write_text(CONFIG)
    done = run(tmp_path, "matrix", "--config", "atom.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "glm.atom.tp02.gpux02  docker    v1\n\n1 deployment, 0 dropped\n"


def test_a_project_that_pytest_cannot_load(tmp_path: Path) -> None:
    """Pytest says what is wrong, and the command that it goes no further."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text("import no_such_module\n")
    done = run(tmp_path, "matrix")
    assert done.returncode == 4
    assert "No module named 'no_such_module'" in done.stderr
    assert "llmbench: pytest cannot be set up in this folder" in done.stderr
    assert done.stdout == ""


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    """One sentence, as when tests are run."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(
        "from pytest_llmbench.backends.vllm import VLLM\n"
        "def pytest_llmbench_backends():\n"
        "    return [VLLM()]\n"
    )
    done = run(tmp_path, "matrix")
    assert done.returncode == 4
    assert done.stderr.startswith("llmbench: two engines are called 'vllm'")
