from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import WIDE
from tests.plugin.fake_engine import FIRST, GAP

if TYPE_CHECKING:
    from tests.plugin.conftest import Left, Project
    from tests.plugin.fake_engine import FakeEngine

WORDS = 4
"""Of a reply to the workload that is measured here."""


def three_times_faster(entry: dict[str, Any]) -> None:
    """Make a stored session one of a server that needs a third of the least time the fake engine takes."""
    whole = FIRST + (WORDS - 1) * GAP
    values = {"ttft": FIRST / 3, "tpot": GAP / 3, "e2e": whole / 3, "throughput_output": 3 * WORDS / whole}
    for runs in entry["replicates"].values():
        for run in runs:
            run |= {
                name: values[name.partition(".")[0]]
                for name in run
                if name.partition(".")[0] in values and not name.endswith(".count")
            }


def a_thousand_times_faster(entry: dict[str, Any]) -> None:
    """Make a stored session one of a server that no real one is."""
    for runs in entry["replicates"].values():
        for run in runs:
            for name in run:
                if name.startswith(("ttft.", "tpot.", "e2e.")) and not name.endswith(".count"):
                    run[name] /= 1000


def cases(left: Left, path: str = "") -> dict[str, int]:
    """Count tests, failures and errors in a JUnit file."""
    root = left.read_junit(left.root / path) if path else left.junit
    suite = root.find("testsuite")
    assert suite is not None
    return {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}


def test_passes_on_a_repeat(project: Project) -> None:
    """The same server again is no worse, and the verdict says against what."""
    project("--bench-save=main")
    left = project("--bench-compare=main", WIDE)
    assert left.code == 0, left.out
    verdict = left.result["verdict"]
    assert (verdict["verdict"], verdict["baseline"], verdict["rule"]) == ("pass", "main", "threshold")
    assert verdict["baseline_sessions"] == 1
    assert cases(left) == {"tests": 1, "failures": 0, "errors": 0, "skipped": 0}


def test_a_real_server_is_no_worse_than_itself_and_worse_than_a_faster_one(
    project: Project, real_url: str
) -> None:
    """The whole way, with numbers that nobody made up."""
    run = (f"--bench-url=real={real_url}", "--bench-requests=16", "--bench-output-tokens=32")
    project("--bench-save=main", *run).measured()
    left = project("--bench-compare=main", WIDE, *run)
    left.measured()
    left.edit_baseline(a_thousand_times_faster)
    left = project("--bench-compare=main", *run)
    assert left.code == 1, left.out
    assert left.result["verdict"]["verdict"] == "regressed"


def test_fails_if_the_baseline_is_three_times_faster(project: Project, mode: list[str]) -> None:
    """Test outcome, terminal, both JUnit files, report and exit code say the same."""
    project("--bench-save=main").edit_baseline(three_times_faster)
    left = project("--bench-compare=main", "--junitxml=mine.xml", *mode)
    assert left.code == 1, left.out
    assert left.result["verdict"]["verdict"] == "regressed"
    assert "1 failed" in left.out
    for path in ("", "mine.xml"):
        assert cases(left, path) == {"tests": 1, "failures": 1, "errors": 0, "skipped": 0}
        failure = (left.read_junit(left.root / path) if path else left.junit).find(".//failure")
        assert failure is not None
        assert re.match(r".*ttft\.p50", failure.attrib["message"].splitlines()[0])
    said = [
        line for line in left.out[left.out.index("FAILURES") :].splitlines()[2:] if line[:1] not in {"", "["}
    ]
    assert said[0].startswith("ttft.p50")
    assert "Traceback" not in left.out
    properties = {item.attrib["name"]: item.attrib["value"] for item in left.junit.iter("property")}
    assert properties["verdict"] == "regressed"
    assert properties["baseline"] == "main"


def test_without_a_name_takes_the_only_one(project: Project) -> None:
    """Whatever it is called."""
    project("--bench-save=nightly")
    left = project("--bench-compare", WIDE)
    assert left.result["verdict"]["baseline"] == "nightly"


def test_takes_a_report(project: Project) -> None:
    """An earlier session's document, or its folder, is a baseline of one session."""
    first = project()
    for path in (f"{first.folder}/report.json", str(first.folder)):
        left = project(f"--bench-compare={path}", WIDE)
        assert left.code == 0, left.out
        assert left.result["verdict"]["verdict"] == "pass"
        assert left.result["verdict"]["baseline"] == path


def test_a_missing_baseline_says_how_to_make_one(project: Project, engine: FakeEngine) -> None:
    """Told before anything is measured, with the command and the nearest name."""
    project("--bench-compare=main").usage_error("pytest -m bench --bench-save=main")
    assert not engine.requests
    project("--bench-save=release-1")
    left = project("--bench-compare=relase-1")
    assert left.code == 4
    assert "did you mean 'release-1'" in left.out
    left = project("--bench-compare=nowhere/report.json")
    assert left.code == 4
    assert "nowhere/report.json" in left.out


def test_a_cell_it_does_not_have_passes_and_is_named(project: Project) -> None:
    """New cells do not fail a build; the summary names the command that records them."""
    project("--bench-save=main")
    left = project("--bench-compare=main", WIDE, "--bench-workload=tiny,other")
    assert left.code == 0, left.out
    assert [result["verdict"]["verdict"] for result in left.results] == ["pass", "none"]
    assert "pytest -m bench --bench-save=main" in left.out
    assert "fake.openai.tp01.gpux00/other/c001" in left.results[1]["cell"]


def test_what_is_invalid_is_not_compared(project: Project, engine: FakeEngine) -> None:
    """An invalid measurement fails as what it is."""
    project("--bench-save=main")
    engine.behaviour = "fail"
    left = project("--bench-compare=main")
    assert left.code == 1
    assert left.result["verdict"]["verdict"] == "invalid"
    assert "invalid measurement: no request of 2 succeeded" in left.out


SKIPS = {
    "by a mark": """
        import pytest

        @pytest.mark.skip(reason="no time")
        @pytest.mark.bench
        def test_it(bench, workload):
            bench(workload)
    """,
    "by itself": """
        import pytest

        @pytest.mark.bench
        def test_it(bench, workload):
            pytest.skip("no time")
    """,
}


@pytest.mark.parametrize("how", SKIPS)
@pytest.mark.parametrize("replicates", [1, 2])
def test_a_test_that_skips_itself_is_missing(project: Project, how: str, replicates: int) -> None:
    """A selected cell that the baseline has must be measured; the message names cell and reason."""
    project("--bench-save=main", f"--bench-replicates={replicates}")
    project.suite(SKIPS[how])
    left = project("--bench-compare=main")
    assert left.code == 1, left.out
    assert "missing: baseline 'main' has fake.openai.tp01.gpux00/tiny/c001, and here: no time" in left.out
    (unmeasured,) = left.unmeasured
    assert unmeasured["missing"] == ["fake.openai.tp01.gpux00/tiny/c001"]
    left = project()
    assert left.code == 0


def test_hardware_that_is_gone_is_missing(project: Project, engine: FakeEngine, mode: list[str]) -> None:
    """What this machine could run when the baseline was made must not turn the gate green now."""
    entry = f"{{id: mine, backends: {{openai: {{runtime: external, url: {engine.url}}}}}}}"
    (project.root / "mine.yaml").write_text(f"models: [{entry}]")
    project("--bench-config=mine.yaml", "--bench-save=main")
    (project.root / "mine.yaml").write_text(f"models: [{entry[:-1]}, skip: no driver}}]")
    left = project("--bench-config=mine.yaml", "--bench-compare=main", *mode)
    assert left.code == 1, left.out
    assert "1 error" in left.out
    assert "missing: baseline 'main' has mine.openai.tp01.gpux00/tiny/c001, and here: no driver" in left.out
    assert cases(left) == {"tests": 1, "failures": 0, "errors": 1, "skipped": 0}
    assert left.unmeasured[0]["outcome"] == "error"


def test_what_is_not_selected_is_not_missing(project: Project) -> None:
    """-k and --bench-workload narrow what is asked for, not what can be found."""
    project("--bench-save=main", "--bench-workload=tiny,other")
    left = project("--bench-compare=main", WIDE, "--bench-workload=tiny,other", "-k", "other")
    assert left.code == 0, left.out
    assert left.result["workload"]["id"] == "other"
