"""One start a replicate, whatever chooses and orders the tests."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

CONFIG = """
models:
  - {id: one, source: "builtin:tiny-glm", backends: {llama: {runtime: embedded, args: {ctx-size: 512}}}}
  - {id: two, source: "builtin:tiny-glm", backends: {llama: {runtime: embedded, args: {ctx-size: 1024}}}}
"""
PLACES = 4
FIRST = """
import pytest

@pytest.mark.bench
@pytest.mark.parametrize("x", [1, 2])
class TestIt:
    def test_b(self, x, llm_server): ...
    def test_a(self, llm_server, x): ...

@pytest.mark.bench
def test_with_a_fixture(llm_server, other): ...

def test_without_a_server(): ...

@pytest.fixture(scope="session", params=["s", "t"])
def other(request):
    return request.param
"""
SECOND = """
import pytest

@pytest.mark.bench
def test_measured(llm_server, workload, concurrency): ...

@pytest.mark.bench
def test_it(llm_server):
    assert "two" not in llm_server.deployment.id or %s
"""
SHUFFLE = """
import random
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    random.Random(%d).shuffle(items)
"""


@pytest.fixture
def two_suites(project: Project) -> Project:
    """Give a project with two suites, two deployments, and two replicates of each."""
    (project.root / "test_suite.py").unlink()
    (project.root / "test_first.py").write_text(FIRST)
    (project.root / "test_second.py").write_text(SECOND % "True")
    (project.root / "mine.yaml").write_text(CONFIG + "options: {replicates: 2}\n")
    return project


def run(project: Project, *args: str) -> int:
    """Return how many servers it took."""
    left = project("--bench-config=mine.yaml", *args)
    assert left.code == 0, left.out
    words = left.out.partition("servers started: ")[2].split()
    return int(words[0])


def test_two_suites(two_suites: Project, mode: list[str]) -> None:
    """Their functions have parameters, fixtures and classes of their own, and share each start."""
    assert run(two_suites, *mode) == PLACES


@pytest.mark.parametrize(
    ("args", "starts"),
    [
        (["-k", "test_it"], 4),
        (["-k", "one and test_a"], 2),
        (["-k", "r01 and (test_b or measured)"], 2),
        (["-k", "(one and test_a) or (two and r02 and test_it)"], 3),
        (["test_second.py", "test_first.py"], 4),
        (["test_second.py"], 4),
    ],
)
def test_some_of_them(two_suites: Project, args: list[str], starts: int) -> None:
    """Only what the chosen tests need is started, each once: suites may have different subsets."""
    assert run(two_suites, *args, "--bench-concurrency=1,2") == starts


def test_what_failed_last_time(two_suites: Project) -> None:
    """`--lf` starts only the servers of what failed; `--ff` starts each once."""
    (two_suites.root / "test_second.py").write_text(SECOND % "False")
    assert two_suites("--bench-config=mine.yaml").code == 1
    (two_suites.root / "test_second.py").write_text(SECOND % "True")
    assert run(two_suites, "--lf", "-k", "r02") == 1
    (two_suites.root / "test_second.py").write_text(SECOND % "False")
    assert two_suites("--bench-config=mine.yaml").code == 1
    (two_suites.root / "test_second.py").write_text(SECOND % "True")
    assert run(two_suites, "--ff") == PLACES


@pytest.mark.parametrize("seed", range(3))
def test_somebody_shuffles(two_suites: Project, seed: int) -> None:
    """Places are put together again after everybody else."""
    (two_suites.root / "conftest.py").write_text(SHUFFLE % seed)
    assert run(two_suites) == PLACES


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("pytest_randomly", ["-p", "randomly"]),
        ("random_order", ["-p", "random_order", "--random-order", "--random-order-bucket=global"]),
        ("pytest_reverse", ["-p", "reverse", "--reverse"]),
    ],
)
def test_plugins_that_reorder(two_suites: Project, module: str, args: list[str]) -> None:
    """Where one is installed (`scripts/test-pytest-versions` installs them)."""
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    assert run(two_suites, *args) == PLACES
