"""Baselines on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_llmbench.baselines.model import SCHEMA_VERSION, Baseline, CellDocument
from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.errors import BaselineMissing, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord

    MakeResult = Callable[..., ResultRecord]

WHEN = "2026-01-02T03:04:05Z"


@pytest.fixture
def store(tmp_path: Path) -> BaselineStore:
    """Give a store that has nothing yet."""
    return BaselineStore(tmp_path / "baselines")


def save(
    store: BaselineStore, environment: EnvironmentRecord, *results: ResultRecord, session: str = "s1"
) -> tuple[str, ...]:
    """Save under `main`."""
    return store.save("main", session, results, WHEN, environment)


def test_what_is_saved_is_loaded(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """Cells, sessions, replicates and run values come back, under the baseline's name."""
    results = [make_result(), make_result(replicate=2), make_result(concurrency=8)]
    cells = save(store, environment, *results)
    assert cells == (results[0].cell, results[2].cell)
    assert store.names() == ("main",)
    baseline = store.load("main")
    entry = baseline.cells[results[0].cell]["s1"]
    assert (entry.started_at, entry.conditions.cpu, entry.treatment.version) == (WHEN, "CPU", "b1")
    assert entry.replicates["2"][0]["ttft.p50"] == 0.0121
    assert set(baseline.cells) == set(cells)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=15)
NUMBERS = st.floats(-1e300, 1e300)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(NAMES, st.integers(1, 3), NAMES, st.fixed_dictionaries({"ttft": NUMBERS, "e2e": NUMBERS})),
        min_size=1,
        max_size=5,
    )
)
def test_any_session_survives_being_stored(
    tmp_path_factory: pytest.TempPathFactory,
    make_result: MakeResult,
    environment: EnvironmentRecord,
    measured: list[tuple[str, int, str, dict[str, float]]],
) -> None:
    """Whatever the names and numbers, every run is there again, exactly."""
    store = BaselineStore(tmp_path_factory.mktemp("store"))
    expected: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for cell, replicate, session, values in measured:
        store.save(
            "x", session, [make_result(cell=cell, replicate=replicate, values=values)], WHEN, environment
        )
        expected[cell, session, str(replicate)] = [values]
    loaded = {
        (cell, session, replicate): [{name: run[f"{name}.p50"] for name in ("ttft", "e2e")} for run in runs]
        for cell, sessions in store.load("x").cells.items()
        for session, entry in sessions.items()
        for replicate, runs in entry.replicates.items()
    }
    assert loaded == expected


def test_sessions_accumulate_and_saving_again_changes_nothing(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """Another session is another entry; the same one again, in parts or whole, is the same entry."""
    first, second = make_result(), make_result(replicate=2, nodeid="other")
    save(store, environment, first)
    save(store, environment, second)
    save(store, environment, first, second, session="s2")
    before = store.load("main")
    save(store, environment, second)
    assert store.load("main") == before
    sessions = before.cells[first.cell]
    assert sessions["s1"] == sessions["s2"]
    assert set(sessions["s1"].replicates) == {"1", "2"}
    assert sessions["s1"].nodeids == tuple(sorted({first.nodeid, "other"}))


def test_invalid_results_never_enter(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """What does not describe the server is not something to compare with."""
    good = make_result(concurrency=8)
    bad = make_result()
    bad = bad.model_copy(update={"validity": bad.validity.model_copy(update={"valid": False})})
    assert save(store, environment, bad) == ()
    assert store.names() == ()
    assert save(store, environment, bad, good) == (good.cell,)


def test_files_are_for_people(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """One value a line in a fixed order, so that a commit shows what changed."""
    result = make_result()
    save(store, environment, result)
    (path,) = (store.root / "main").iterdir()
    text = path.read_text(encoding="utf-8")
    assert path.name == "tiny-glm.llama.tp01.gpux00%2Fshort%2Fc001.json"
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    assert '\n            "ttft.p50": 0.0121' in text
    assert json.loads(text)["schema_version"] == SCHEMA_VERSION


WRITER = """
import sys, pathlib, json
from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.records import EnvironmentRecord, ResultRecord
root, who = pathlib.Path(sys.argv[1]), sys.argv[2]
result = ResultRecord.model_validate_json((root / "result.json").read_bytes())
environment = EnvironmentRecord.model_validate_json((root / "environment.json").read_bytes())
store = BaselineStore(root / "baselines")
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    store.save("main", f"{who}-{number}", [result], "2026", environment)
"""


def test_two_writers_at_once_lose_nothing(
    tmp_path: Path, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """Two processes saving into one cell at the same time leave the sessions of both."""
    result = make_result()
    (tmp_path / "result.json").write_text(result.model_dump_json(), encoding="utf-8")
    (tmp_path / "environment.json").write_text(environment.model_dump_json(), encoding="utf-8")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in "ab"
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    sessions = BaselineStore(tmp_path / "baselines").load("main").cells[result.cell]
    assert set(sessions) == {f"{who}-{number}" for who in "ab" for number in range(20)}


def test_an_unknown_name_says_the_nearest_and_the_command(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """The message is the repair."""
    with pytest.raises(
        BaselineMissing, match="there are none\nrecord it with: pytest -m bench --bench-save=main"
    ):
        store.load("main")
    save(store, environment, make_result())
    with pytest.raises(BaselineMissing, match=r"no baseline 'mian' in .*: did you mean 'main'"):
        store.load("mian")


@pytest.mark.parametrize("name", ["", ".hidden", "a b", "x" * 200, "é", "-x"])
def test_what_cannot_name_a_baseline_is_a_usage_error(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord, name: str
) -> None:
    """Names are folders, and options."""
    with pytest.raises(UsageError, match="cannot name a baseline"):
        store.save(name, "s", [make_result()], WHEN, environment)
    with pytest.raises(UsageError, match="cannot name a baseline"):
        store.load(name)


@pytest.mark.parametrize("name", ["../escape", "a/b", "x.json"])
def test_a_path_is_not_a_name_to_save_under(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord, name: str
) -> None:
    """Saving stays inside the store, and `x.json` could not be told from a report when loading."""
    with pytest.raises(UsageError, match="cannot name a baseline"):
        store.save(name, "s", [make_result()], WHEN, environment)


def test_the_default_is_the_only_one_or_main(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """`--bench-compare` alone works as long as it is clear what is meant."""
    result = make_result()
    assert store.default_name() == "main"
    store.save("nightly", "s", [result], WHEN, environment)
    assert store.default_name() == "nightly"
    store.save("release", "s", [result], WHEN, environment)
    with pytest.raises(UsageError, match="--bench-compare=nightly; known: nightly, release"):
        store.default_name()
    save(store, environment, result)
    assert store.default_name() == "main"


def test_the_anchor_is_whatever_has_its_name(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """Where there is none there is nothing to drift from, and it cannot drift from itself."""
    save(store, environment, make_result())
    assert store.anchor(store.load("main")) is None
    store.save("anchor", "a1", [make_result()], WHEN, environment)
    assert store.anchor(store.load("main")) == store.load("anchor")
    assert store.anchor(store.load("main"), store.load("anchor")) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "damaged .*Invalid JSON"),
        ('{"cell": "c", "sessions": {', "damaged .*Invalid JSON"),
        ('{"cell": "c", "sessions": {}, "schema_version": "0.9"}', "damaged .*schema_version"),
        ("[]", "damaged"),
        ('{"cell": "other", "sessions": {}}', "named for another cell than the one it holds, 'other'"),
    ],
)
def test_a_damaged_file_is_named_with_its_repair(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord, text: str, message: str
) -> None:
    """Neither loading nor saving goes on over it, and it is not overwritten."""
    result = make_result(cell="c")
    path = store.root / "main" / "c.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    for attempt in (lambda: store.load("main"), lambda: save(store, environment, result)):
        with pytest.raises(StorageError, match=rf"c\.json: .*{message}.*--bench-save=main") as caught:
            attempt()
        assert caught.value.file == path
    assert path.read_text(encoding="utf-8") == text


def test_a_place_that_cannot_be_read_or_written_is_named(
    tmp_path: Path, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """A file where the folder should be, a folder where the file should be."""
    (tmp_path / "file").touch()
    store = BaselineStore(tmp_path / "file")
    with pytest.raises(StorageError, match="file: cannot read this folder"):
        store.names()
    with pytest.raises(StorageError, match="cannot create this folder"):
        save(store, environment, make_result())
    store = BaselineStore(tmp_path / "b")
    (store.root / "main" / "c.json").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"c\.json: cannot read: Is a directory"):
        store.load("main")


def test_a_report_of_an_earlier_session_is_a_baseline(
    store: BaselineStore, tmp_path: Path, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """By the path of the file or of its folder, holding what saving that session would have stored."""
    result = make_result()
    report = {
        "schema_version": "1.0",
        "session": {"id": "s1", "started_at": WHEN, "command": "pytest"},
        "environment": environment.model_dump(mode="json"),
        "results": [result.model_dump(mode="json")],
    }
    path = tmp_path / "session" / "report.json"
    path.parent.mkdir()
    path.write_text(json.dumps(report), encoding="utf-8")
    save(store, environment, result)
    assert store.load(str(path)).cells == store.load("main").cells
    assert store.load(str(path.parent)).cells == store.load("main").cells
    assert store.load(str(path)).parts == store.load("main").parts
    assert store.load(str(path)).record_command == "pytest -m bench --bench-save=main"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(StorageError, match=r"report\.json: is not a report"):
        store.load(str(path))
    with pytest.raises(BaselineMissing, match=r"no report to compare with at .*absent"):
        store.load(str(tmp_path / "absent.json"))


def test_a_tests_cells_are_known_by_its_node_id(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """So a test that now measures nothing can be told from one that never did."""
    save(store, environment, make_result(nodeid="t"), make_result(nodeid="t", concurrency=8))
    baseline = store.load("main")
    assert [cell.rpartition("/")[2] for cell in baseline.missing("t")] == ["c001", "c008"]
    assert baseline.missing("u") == ()


def test_what_of_a_report_does_not_describe_its_cell_is_told(
    store: BaselineStore, tmp_path: Path, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """Invalid, measured beside others, or the tried side of an A/B: left out, and the reason is kept."""
    good, bad = make_result(), make_result(concurrency=8)
    bad = bad.model_copy(
        update={"validity": bad.validity.model_copy(update={"valid": False, "reasons": ("late",)})}
    )
    beside = make_result(concurrency=4, neighbours=("someone",))
    tried = make_result(concurrency=2)
    tried = tried.model_copy(update={"deployment": tried.deployment.model_copy(update={"side": "b"})})
    report = {
        "session": {"id": "s1", "started_at": WHEN},
        "environment": environment.model_dump(mode="json"),
        "results": [result.model_dump(mode="json") for result in (good, bad, beside, tried)],
    }
    (tmp_path / "report.json").write_text(json.dumps(report), encoding="utf-8")
    baseline = store.load(str(tmp_path))
    assert set(baseline.cells) == {good.cell}
    assert baseline.left_out == {
        bad.cell: "invalid: late",
        beside.cell: "measured beside others",
        tried.cell: "the tried side of an A/B",
    }


def test_merging_documents_is_copying_entries() -> None:
    """An empty merge changes nothing."""
    document = CellDocument(cell="c", sessions={})
    assert document.merged({}) == document
    assert Baseline("main", {}).sessions == {}
    assert Baseline("main", {}).record_command.endswith("--bench-save=main")
