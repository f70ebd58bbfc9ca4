from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine

SUITE = """
    import pytest

    @pytest.mark.bench
    def test_replay(bench):
        bench.replay()
"""

DUE = """
    import pytest

    @pytest.mark.bench
    def test_replay(bench):
        traces = bench.replay().runs[0].traces
        due = [(trace.scheduled - traces[0].scheduled) / 1e9 for trace in traces]
        assert due == pytest.approx({due})
        assert all(trace.started >= trace.scheduled for trace in traces)
        assert [trace.output_tokens for trace in traces] == [3, 5, 2, 4]
"""
"""A suite that holds each request to its time; how much later it is sent is up to the machine."""

TRACE = (
    {"timestamp": 100.0, "input_tokens": 12, "output_tokens": 3},
    {"timestamp": 100.15, "input_tokens": 20, "output_tokens": 5},
    {"timestamp": 100.15, "input_tokens": 12, "output_tokens": 2},
    {"timestamp": 100.4, "input_tokens": 9, "output_tokens": 4},
)

MOONCAKE = (
    {"timestamp": 0, "input_length": 1030, "output_length": 3, "hash_ids": [7, 8, 9]},
    {"timestamp": 100, "input_length": 1100, "output_length": 2, "hash_ids": [7, 8, 10]},
    {"timestamp": 200, "input_length": 600, "output_length": 2, "hash_ids": [7]},
    {"timestamp": 300, "input_length": 600, "output_length": 2, "hash_ids": [7]},
)


def write(root: Path, rows: Iterable[Mapping[str, object]], name: str = "monday.jsonl") -> Path:
    """Write a trace."""
    path = root / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def prompts(engine: FakeEngine, first: int) -> list[list[str]]:
    """Return the words of every prompt that was asked, from the `first` on."""
    return [body["messages"][-1]["content"].split() for body in engine.requests[first:]]


def test_sends_what_was_recorded(project: Project, engine: FakeEngine) -> None:
    """Each request has its own lengths, and is sent when it is due."""
    project.suite(DUE.format(due=[0, 0.15, 0.15, 0.4]))
    trace = write(project.root, TRACE)
    left = project(f"--bench-replay={trace}", "--bench-requests=99", "--bench-warmup=2")
    # This engine says that every prompt has 10 tokens, whatever it is.
    left.measured()
    asked = [
        (len(words), body["max_tokens"])
        for words, body in zip(prompts(engine, 0), engine.requests, strict=True)
    ]
    recorded = [(int(row["input_tokens"]), int(row["output_tokens"])) for row in TRACE]
    assert sorted(asked[:2]) == sorted(recorded[:2]), "the warm-up is like the beginning"
    assert sorted(asked[2:]) == sorted(recorded)
    assert len({tuple(words) for words in prompts(engine, 0)}) == 6
    result = left.result
    assert result["cell"].endswith("/monday/replay.monday")
    assert result["workload"]["output_tokens"] == 5
    assert result["workload"]["input_tokens"] is None
    assert result["load"] == {
        "kind": "open",
        "id": "replay.monday",
        "concurrency": 0,
        "requests": 4,
        "warmup": 2,
        "duration_s": None,
        "arrivals": {
            "kind": "replay",
            "file": "monday.jsonl",
            "format": "llmbench",
            "speed": 1,
            "count": 4,
            "digest": "ea4e55afe589",
        },
    }
    assert result["runs"][0]["window_s"] >= 0.4
    assert result["validity"]["send_delay_p99_s"] > 0
    assert (
        "4 of 4 prompts were not as long as recorded: the farthest off has 10 tokens instead of 20"
        in result["validity"]["notes"]
    )


def test_prompts_share_what_they_shared(project: Project, engine: FakeEngine) -> None:
    """Equal blocks are equal text; what follows is each prompt's own, and the warm-up shares nothing."""
    project.suite(SUITE)
    trace = write(project.root, MOONCAKE)
    left = project(f"--bench-replay={trace}", "--bench-requests=99", "--bench-warmup=1")
    left.measured()
    warm, *others = prompts(engine, 0)
    # On a machine that is busy one may overtake another; the last two are alike.
    one, two, three, four = sorted(others, key=lambda words: (1030, 1100, 600).index(len(words)))
    assert [len(words) for words in (warm, one, two, three, four)] == [1030, 1030, 1100, 600, 600]
    assert one[:1024] == two[:1024]
    assert one[1024:] != two[1024:1030]
    assert three[:512] == four[:512] == one[:512]
    assert three[512:520] != four[512:520]
    assert warm[:8] != one[:8]


def test_other_runs_share_nothing(project: Project, engine: FakeEngine) -> None:
    """A second run is not answered from the cache of the first."""
    project.suite(SUITE)
    trace = write(project.root, MOONCAKE[:1])
    project(f"--bench-replay={trace}", "--bench-warmup=0", "--bench-runs=2")
    one, two = prompts(engine, 0)
    assert one[:8] != two[:8]


def test_limits_of_other_loads_hold(project: Project, engine: FakeEngine) -> None:
    """A number of requests, or a duration, cuts the trace off."""
    project.suite(SUITE)
    trace = write(project.root, TRACE)
    assert project(f"--bench-replay={trace}", "--bench-requests=2").result["runs"][0]["sent"] == 2
    left = project(f"--bench-replay={trace}", "--bench-duration=0.3")
    assert left.result["runs"][0]["sent"] == 3
    assert left.result["load"]["requests"] == 3
    assert len(engine.requests) == 4


def test_the_test_may_name_a_trace(project: Project, engine: FakeEngine) -> None:
    """Relative to the root directory; the option is used instead of it."""
    project.suite("""
        import pytest

        @pytest.mark.bench
        def test_replay(bench):
            assert len(bench.replay("traces/own.jsonl", limit=1).runs[0].traces) == 1
    """)
    (project.root / "traces").mkdir()
    write(project.root / "traces", TRACE, "own.jsonl")
    left = project("--plain", "-m", "bench", f"--bench-url=fake={engine.url}")
    left.measured()
    assert left.result["load"]["id"] == "replay.own"
    assert len(engine.requests) == 5, "four of them for the warm-up"
    other = write(project.root, TRACE, "other trace.jsonl")
    left = project(f"--bench-replay={other}", "--bench-requests=1")
    assert left.result["load"]["id"] == "replay.other-trace"


def test_a_test_whose_trace_is_missing_fails(project: Project) -> None:
    """The author named it."""
    project.suite(SUITE.replace("replay()", "replay('gone.jsonl')"))
    left = project()
    assert left.code == 1, left.out
    assert "gone.jsonl: No such file or directory" in left.out


def test_is_skipped_without(project: Project) -> None:
    """There is nothing to replay."""
    project.suite(SUITE)
    left = project("-rs")
    assert left.code == 0, left.out
    assert "needs a trace: --bench-replay PATH" in left.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "monday.jsonl: No such file or directory"),
        ("", "monday.jsonl: holds no request"),
        ('{"timestamp": 0, "input_tokens": 5, "output_tokens": 5}\n{', "monday.jsonl:2: is not JSON"),
        (
            '{"timestamp": 0, "input_tokens": 0, "output_tokens": 5}',
            "monday.jsonl:1: input_tokens: must be a whole number of tokens, at least 1, not 0",
        ),
    ],
)
def test_refuses_what_is_no_trace(project: Project, text: str | None, told: str) -> None:
    """File and line are named before anything starts."""
    path = project.root / "monday.jsonl"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    project(f"--bench-replay={path}").usage_error(told)
    project("--bench-replay=").usage_error("--bench-replay: expected PATH, not nothing")
