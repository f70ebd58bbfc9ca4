"""The gate's verdict is a test's outcome: terminal, JUnit, JSON and exit code agree, however it is run."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import WIDE, Left
from tests.plugin.fake_engine import FakeEngine
from tests.plugin.test_interruption import end, results_written
from tests.plugin.test_option_inconclusive import wild
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from xml.etree import ElementTree as ET

    from tests.plugin.conftest import Project

TTFT = "--bench-compare-fail=ttft.p50:10%"
BRIEF = ("--bench-requests=1", "--bench-warmup=0")


@pytest.fixture
def slow(engine: FakeEngine) -> Iterator[FakeEngine]:
    """Give a second engine, so much slower that nothing else that happens here matters."""
    with FakeEngine() as other:
        engine.first, other.first = 0.05, 1.0
        yield other


def times(factor: float) -> Callable[[dict[str, Any]], None]:
    """Make a stored session one of a server that needs so many times as long."""

    def edit(entry: dict[str, Any]) -> None:
        for runs in entry["replicates"].values():
            for run in runs:
                for name in run:
                    if name.startswith(("ttft.", "tpot.")) and not name.endswith(".count"):
                        run[name] *= factor
                    if name.startswith("throughput"):
                        run[name] /= factor

    return edit


def agree(left: Left, *, code: int, passed: int = 0, failed: int = 0, skipped: int = 0) -> None:
    """Hold exit code, terminal, JUnit and JSON to the same outcomes."""
    assert left.code == code, left.out
    last = next(line for line in reversed(left.out.splitlines()) if " in " in line and "===" in line)
    told = {"passed": passed, "failed": failed, "skipped": skipped}
    for outcome, count in told.items():
        assert (f"{count} {outcome}" in last) == (count > 0), left.out
    suite = left.junit.find("testsuite")
    assert suite is not None
    found = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    assert found == {"tests": passed + failed + skipped, "failures": failed, "errors": 0, "skipped": skipped}
    worse = [one for one in left.results if one["verdict"]["verdict"] in {"regressed", "missing"}]
    gone = [one for one in left.unmeasured if one["missing"]]
    assert len(worse) + len(gone) == failed
    assert {case.attrib["name"] for case in failures(left)} == {
        one["nodeid"].partition("::")[2] for one in (*worse, *gone)
    }


def failures(left: Left) -> list[ET.Element]:
    """Find the tests that failed in JUnit."""
    return [case for case in left.junit.iter("testcase") if case.find("failure") is not None]


def test_sides_of_several_deployments(
    project: Project, engine: FakeEngine, slow: FakeEngine, mode: list[str]
) -> None:
    """Each is judged by the worker that has both its sides."""
    urls = (f"--bench-url=one={engine.url}", f"--bench-url=two={engine.url}")
    left = project(*urls, f"--bench-ab=B=url={slow.url}", "--bench-replicates=1", TTFT, *BRIEF, *mode)
    agree(left, code=1, passed=2, failed=2)
    assert {one["deployment"]["side"] for one in left.results if one["verdict"]["baseline"]} == {"b"}


def test_stop_at_the_first_verdict(project: Project, slow: FakeEngine) -> None:
    """`-x` ends with the first test that is slower, and the rest is not judged."""
    run = (f"--bench-ab=B=url={slow.url}", "--bench-replicates=1", TTFT, *BRIEF)
    left = project(*run, "--bench-workload=tiny,other", "-x")
    agree(left, code=1, passed=2, failed=1)
    verdicts = {one["nodeid"]: one["verdict"]["verdict"] for one in left.results}
    assert list(verdicts.values()) == ["none", "none", "regressed"]


def test_the_last_that_failed(project: Project, engine: FakeEngine, slow: FakeEngine) -> None:
    """`--lf` cannot turn an A/B green: side B without side A is missing; the whole can, once it is mended."""
    run = (f"--bench-ab=B=url={slow.url}", "--bench-replicates=1", TTFT, *BRIEF)
    agree(project(*run), code=1, passed=1, failed=1)
    slow.first = engine.first
    left = project(*run, "--lf")
    agree(left, code=1, failed=1)
    assert "side A was not measured in this session" in left.out
    agree(project(f"--bench-ab=B=url={slow.url}", "--bench-replicates=1", WIDE, *BRIEF), code=0, passed=2)


@pytest.mark.parametrize("mode", [["-p", "no:xdist"], ["-n2"]], ids=["alone", "n2"])
def test_the_last_that_failed_against_a_baseline(project: Project, mode: list[str]) -> None:
    """`--lf` measures again what was slower, and nothing else."""
    run = ("--bench-compare=main", "--bench-compare-fail=ttft.p50:9900%", "--bench-workload=tiny,other")
    left = project("--bench-save=main", "--bench-workload=tiny,other")

    def one_cell(document: dict[str, Any], factor: float) -> None:
        for entry in document["sessions"].values():
            times(factor if "/tiny/" in document["cell"] else 1.0)(entry)

    left.edit_documents(lambda document: one_cell(document, 1e-5))
    agree(project(*run), code=1, passed=1, failed=1)
    agree(project(*run, "--lf", *mode), code=1, failed=1)
    left.edit_documents(lambda document: one_cell(document, 1e5))
    agree(project(*run, "--lf"), code=0, passed=1)


def test_reruns(project: Project, mode: list[str]) -> None:
    """Two replicates more, each a test of its own that passes while nothing is decided."""
    wild(project("--bench-save=main"))
    left = project("--bench-compare=main", "--bench-inconclusive=rerun", *mode)
    agree(left, code=0, passed=3)
    verdicts = [(one["replicate"], one["verdict"]["verdict"]) for one in left.results]
    assert verdicts == [(1, "inconclusive"), (2, "inconclusive"), (3, "inconclusive")]


def test_reruns_of_an_ab(project: Project, slow: FakeEngine, mode: list[str]) -> None:
    """Pairs that are not needed are skipped on both sides, and are not missing."""
    run = (f"--bench-ab=B=url={slow.url}", "--bench-replicates=1", TTFT, *BRIEF)
    left = project(*run, "--bench-inconclusive=rerun", *mode)
    agree(left, code=1, passed=1, failed=1, skipped=4)
    assert left.unmeasured == []


def test_missing_cells(project: Project, engine: FakeEngine, mode: list[str]) -> None:
    """What the baseline has and a worker skipped fails, named with its cell."""
    run = (f"--bench-url=one={engine.url}", f"--bench-url=two={engine.url}", *mode)
    project("--bench-save=main", *run)
    project.suite(
        """
        import pytest

        @pytest.mark.bench
        def test_it(bench, workload):
            pytest.skip("no time")
        """
    )
    left = project("--bench-compare=main", *run)
    agree(left, code=1, failed=2)
    cells = sorted(cell for one in left.unmeasured for cell in one["missing"])
    assert cells == [f"{name}.openai.tp01.gpux00/tiny/c001" for name in ("one", "two")]
    assert "missing: baseline 'main' has one.openai.tp01.gpux00/tiny/c001, and here: no time" in left.out


@pytest.mark.parametrize("mode", [["-p", "no:xdist"], ["-n2"]], ids=["alone", "n2"])
def test_markers_say_what_is_gated(project: Project, mode: list[str]) -> None:
    """`limits` stands for what the session gates, `delta` changes how much of it matters."""
    project.suite(
        """
        import pytest

        @pytest.mark.bench(limits="error_rate:1%")
        def test_errors(bench):
            bench("tiny")

        @pytest.mark.bench(limits="ttft.p50:7%")
        def test_first(bench):
            bench("other")

        @pytest.mark.bench(delta="8%")
        def test_all(bench):
            bench("third")
        """
    )
    lines = (f"  {name}: {{out: 4, prompts: [Hello]}}" for name in ("tiny", "other", "third"))
    (project.root / "config" / "workloads.yaml").write_text("\n".join(("workloads:", *lines)))
    project("--bench-save=main", "--no-workload").edit_baseline(times(1e-3))
    left = project("--bench-compare=main", "--no-workload", *mode)
    agree(left, code=1, passed=1, failed=2)
    limits = [
        {one["metric"]: one["limit"] for one in result["verdict"]["comparisons"]} for result in left.results
    ]
    assert limits == [
        {"error_rate": 0.01},
        # Of one session of baseline: by the change alone, and 10 % where the author did not say less.
        {"ttft.p50": 0.07},
        {"ttft.p50": 0.1, "tpot.p50": 0.1, "throughput_output": 0.1, "error_rate": 0.01},
    ]


def test_drift_from_the_anchor_is_told_and_fails_nothing(project: Project, mode: list[str]) -> None:
    """Though the newest baseline has moved along: the anchor is compared with as well, by its name."""
    project("--bench-save=main").edit_baseline(times(1e3))
    project("--bench-save=anchor").edit_baseline(times(1e-3), "anchor")
    left = project("--bench-compare=main", *mode)
    agree(left, code=0, passed=1)
    verdict = left.result["verdict"]
    assert (verdict["verdict"], verdict["anchor"]) == ("improved", "anchor")
    assert verdict["drift"][0]["verdict"] == "regressed"
    assert "drift: " in left.out


ENDLESS = """
    import pytest
    from pathlib import Path

    @pytest.mark.bench
    def test_it(bench, request):
        bench("tiny")
        if %r in request.node.name:
            Path("measuring").touch()
            bench("endless")
"""


@pytest.mark.parametrize("mode", [["-p", "no:xdist"], ["-n2"]], ids=["alone", "n2"])
@pytest.mark.parametrize("what", ["ab", "rerun"])
def test_ctrl_c_judges_nothing(project: Project, slow: FakeEngine, what: str, mode: list[str]) -> None:
    """The test that is interrupted has no verdict, and no other gets one for it; exit code 2."""
    run: tuple[str, ...]
    if what == "ab":
        run, last = (f"--bench-ab=B=url={slow.url}", "--bench-replicates=2", TTFT), ".a.r02"
    else:
        wild(project("--bench-save=main"))
        run, last = ("--bench-compare=main", "--bench-inconclusive=rerun"), ".r02"
    project.suite(ENDLESS % last)
    (project.root / "config" / "workloads.yaml").write_text(
        "workloads:\n  tiny: {out: 4, prompts: [Hello]}\n  endless: {out: 100000, prompts: [Hello]}\n"
    )
    process = subprocess.Popen(
        project.command(*run, *BRIEF, "--no-workload", *mode),
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    until(lambda: (project.root / "measuring").exists() or process.poll() is not None)
    judged = ["none", "none"] if what == "ab" else ["inconclusive"]
    # What a worker has told its controller is not written yet.
    until(lambda: results_written(project.root) >= len(judged) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    out = end(process)
    left = Left(project.root, process.returncode, out)
    assert left.code == pytest.ExitCode.INTERRUPTED, out
    assert left.report["session"]["complete"] is False
    verdicts = [one["verdict"]["verdict"] for one in left.results]
    # Of the test that was interrupted, what a worker had measured is lost with it.
    assert verdicts == judged + (["none"] if len(verdicts) > len(judged) else [])
    assert not failures(left)
