"""One start a replicate, whatever runs the tests and whatever the deployments are called."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine

_SUITES = Path(__file__).parents[2] / "bench_suites"


@pytest.mark.parametrize(("mode", "replicates"), [("-p no:xdist", 2), ("-n0", 1), ("-n2", 2)])
def test_the_shipped_suites_start_each_server_once(project: Project, mode: str, replicates: int) -> None:
    """Several files, workloads and loads: as many starts as deployments and replicates."""
    shutil.rmtree(project.root / "config")
    (project.root / "test_suite.py").unlink()
    shutil.copytree(_SUITES, project.root / "bench_suites", ignore=shutil.ignore_patterns("__pycache__"))
    left = project(
        "--no-workload", "--bench-model=tiny-glm,tiny-llama", "--bench-output-tokens=2",
        "--bench-requests=2", f"--bench-replicates={replicates}",
        "-k", "not capacity and not replay",  # which need to be told what is good enough, or what to send
        *mode.split(),
    )  # fmt: skip
    assert left.report["session"]["server_starts"] == 2 * replicates, left.out
    assert len(left.results) == 2 * replicates * 7
    assert len({result["cell"] for result in left.results}) == 14
    assert len({result["server"]["served_model"] for result in left.results}) == 2 * replicates
    left.measured()


def test_workers_have_the_options_of_their_controller(
    project: Project, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From wherever they come: of the command line, the environment, ini files and YAML."""
    models = f"[{{id: mine, backends: {{openai: {{runtime: external, url: {engine.url}}}}}}}]"
    (project.root / "mine.yaml").write_text(f"models: {models}\noptions: {{runs: 2}}\n")
    with (project.root / "tox.ini").open("a") as ini:
        ini.write("\nbench_label = from=ini\n")
    monkeypatch.setenv("LLMBENCH_BACKEND_VERSION", "v0,v1")
    left = project("--bench-config=mine.yaml", "--bench-tp=2,4", "--bench-requests=3", "-n2")
    assert left.code == 0, left.out
    found = {
        (one["deployment"]["version"], one["deployment"]["tp"], one["deployment"]["gpus"])
        for one in left.results
    }
    assert found == {("v0", 2, 2), ("v0", 4, 4), ("v1", 2, 2), ("v1", 4, 4)}
    assert [[run["sent"] for run in one["runs"]] for one in left.results] == [[3, 3]] * 4
    assert left.report["environment"]["label"] == {"from": "ini"}


def test_ids_that_begin_with_each_other(project: Project, engine: FakeEngine) -> None:
    """Each deployment stays on one worker, though one's id is the beginning of another's."""
    names = ("m", "m.openai", "m.openai.tp01.gpux00-tiny", "x-m")
    entries = ", ".join(
        f"{{id: {name}, backends: {{openai: {{runtime: external, url: {engine.url}}}}}}}" for name in names
    )
    (project.root / "mine.yaml").write_text(f"models: [{entries}]")
    project.suite(
        """
        import os
        import pytest

        @pytest.mark.bench
        @pytest.mark.parametrize("part", ["m.openai", "tiny"])
        def test_it(bench, workload, part, llm_server):
            with open("where.txt", "a") as file:
                print(llm_server.deployment.id, os.getpid(), file=file)
        """
    )
    left = project("--bench-config=mine.yaml", "--bench-workload=tiny,other", "-n2")
    assert left.code == 0, left.out
    places = {tuple(line.split()) for line in (project.root / "where.txt").read_text().splitlines()}
    assert len(places) == len(names)
    assert len({pid for _, pid in places}) == 2


def test_other_parameters_may_come_first(project: Project, engine: FakeEngine) -> None:
    """A conftest's parameters precede ours in the id, and a deployment still stays together."""
    (project.root / "conftest.py").write_text(
        "import pytest\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_generate_tests(metafunc):\n"
        "    metafunc.parametrize('part', ['a', 'b', 'c'])\n"
    )
    project.suite(
        """
        import os
        import pytest

        @pytest.mark.bench
        def test_it(part, llm_server):
            with open("where.txt", "a") as file:
                print(llm_server.deployment.id, os.getpid(), file=file)
        """
    )
    left = project(f"--bench-url=a={engine.url}", f"--bench-url=b={engine.url}", "-n2")
    assert left.code == 0, left.out
    lines = (project.root / "where.txt").read_text().splitlines()
    assert len(lines) == 6
    assert len(set(lines)) == 2


def test_pytests_own_grouping_is_not_needed(project: Project, engine: FakeEngine) -> None:
    """Functions with the parameters in other orders share one start a deployment."""
    project.suite(
        """
        import pytest

        seen = []

        @pytest.fixture(scope="session", autouse=True)
        def note(): ...

        @pytest.mark.bench
        @pytest.mark.parametrize("x", [1, 2])
        class TestIt:
            def test_b(self, x, llm_server): seen.append(llm_server.deployment.id)
            def test_a(self, llm_server, x): seen.append(llm_server.deployment.id)

        @pytest.mark.bench
        def test_last(llm_server):
            seen.append(llm_server.deployment.id)
            assert seen == sorted(seen)
        """
    )
    left = project(f"--bench-url=a={engine.url}", f"--bench-url=b={engine.url}")
    assert left.code == 0, left.out


def test_nobody_is_given_more_while_another_is_idle(project: Project, engine: FakeEngine) -> None:
    """A worker with two tests left gets no other deployment, which would wait behind them.

    The first one's test ends when the third deployment was seen, so that must have gone to the other worker.
    """
    project.suite(
        """
        import time
        from pathlib import Path
        import pytest

        @pytest.mark.bench
        @pytest.mark.parametrize("part", [1, 2])
        def test_it(llm_server, part):
            name = llm_server.deployment.model
            Path(name).touch()
            deadline = time.monotonic() + 60
            while name == "a" and not Path("c").exists():
                assert time.monotonic() < deadline, "c waits behind a"
                time.sleep(0.05)
        """
    )
    left = project(*(f"--bench-url={name}={engine.url}" for name in "abc"), "-n2")
    assert left.code == 0, left.out


def test_tests_without_a_server_stay_with_their_file(project: Project, engine: FakeEngine) -> None:
    """They run first, and node ids are what they are without xdist."""
    project.suite(
        """
        import os
        import pytest

        def note():
            with open("where.txt", "a") as file:
                print(os.environ.get("PYTEST_CURRENT_TEST").partition(" ")[0], os.getpid(), file=file)

        @pytest.mark.bench
        def test_plain(): note()

        @pytest.mark.bench
        def test_other(): note()

        @pytest.mark.bench
        def test_it(llm_server): note()
        """
    )
    seen = []
    for mode in (["-n2"], ["-p", "no:xdist"]):
        (project.root / "where.txt").unlink(missing_ok=True)
        left = project(f"--bench-url=a={engine.url}", *mode)
        assert left.code == 0, left.out
        lines = [line.split() for line in (project.root / "where.txt").read_text().splitlines()]
        assert len({pid for name, pid in lines if "[" not in name}) == 1
        seen.append({name for name, _ in lines})
    assert seen[0] == seen[1]
