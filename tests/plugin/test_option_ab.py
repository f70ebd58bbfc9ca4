from __future__ import annotations

from typing import TYPE_CHECKING

from tests.plugin.fake_engine import FakeEngine

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_two_servers_are_compared_start_by_start(
    project: Project, engine: FakeEngine, mode: list[str]
) -> None:
    """Interleaved; side B's last replicate fails; JUnit, terminal and exit code agree."""
    with FakeEngine() as slow:
        engine.first, slow.first = 0.05, 1.0  # so far apart that nothing else that happens here matters
        run = (f"--bench-ab=B=url={slow.url}", "--bench-replicates=3", "--bench-compare-fail=ttft.p50:10%")
        left = project(*run, "--bench-requests=1", "--bench-warmup=0", *mode)
    assert left.code == 1, left.out
    names = [result["nodeid"].partition("[")[2].partition("-")[0] for result in left.results]
    order = ("a.r01", "b.r01", "b.r02", "a.r02", "a.r03", "b.r03")
    assert names == [f"fake.openai.tp01.gpux00.{place}" for place in order]
    verdicts = [result["verdict"]["verdict"] for result in left.results]
    assert verdicts == ["none"] * 5 + ["regressed"]
    assert left.results[-1]["verdict"]["rule"] == "pairs"
    assert len({result["cell"] for result in left.results}) == 1
    assert "1 failed, 5 passed" in left.out
    suite = left.junit.find("testsuite")
    assert suite is not None
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("6", "1")
    assert "side B (" in left.out


def test_what_makes_no_sides_is_told_before_anything_starts(project: Project) -> None:
    """With the form it takes."""
    project("--bench-ab=B").usage_error("expected SIDE=KEY=VALUE")
    left = project("--bench-ab=B=url=http://127.0.0.1:1", "--bench-save=main")
    left.usage_error("leave out --bench-compare")
