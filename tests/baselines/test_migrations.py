"""Documents of earlier versions."""

from __future__ import annotations

import json
import resource
import shutil
import signal
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.baselines.cells import file_name
from pytest_llmbench.baselines.migrations import STEPS, NewerSchema, Step, migrated
from pytest_llmbench.baselines.model import SCHEMA_VERSION
from pytest_llmbench.baselines.store import BaselineStore
from pytest_llmbench.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord

    MakeResult = Callable[..., ResultRecord]

OLD = Path(__file__).with_name("data") / "1.0"
"""Cells as version 1.0 wrote them, measured by it."""
CELLS = ("tiny-glm.llama.tp01.gpux00/short/c001", "tiny-glm.llama.tp01.gpux00/short/poisson.r0004")


@pytest.fixture
def store(tmp_path: Path) -> BaselineStore:
    """Give a store whose baseline `main` was written by version 1.0."""
    shutil.copytree(OLD, tmp_path / "baselines" / "main")
    return BaselineStore(tmp_path / "baselines")


def test_every_version_leads_to_the_current_one() -> None:
    """Whatever version a step starts from, following the steps ends at the version that is written."""
    for version in STEPS:
        assert migrated({"schema_version": version, "cell": "c"})["schema_version"] == SCHEMA_VERSION


def test_a_document_of_1_0_is_read(store: BaselineStore) -> None:
    """Its sessions are those of the file, its parts those that the name tells."""
    baseline = store.load("main")
    assert set(baseline.cells) == set(CELLS)
    for cell in CELLS:
        written = json.loads((store.root / "main" / file_name(cell)).read_text(encoding="utf-8"))
        assert written["schema_version"] == "1.0"
        read = baseline.cells[cell].items()
        # Without what later versions added.
        found = {one: entry.model_dump(mode="json", exclude_unset=True) for one, entry in read}
        assert found == written["sessions"]
    closed, open_ = (baseline.parts[cell] for cell in CELLS)
    assert (closed.model, closed.backend, closed.placement) == ("tiny-glm", "llama", "tp01.gpux00")
    assert (closed.workload, closed.load, closed.concurrency) == ("short", "c001", 1)
    assert (open_.load, open_.concurrency) == ("poisson.r0004", None)


@pytest.mark.parametrize(
    "cell", ["glm.llama.v1.tp01.gpux00/short/c001", "glm.mine.tp01.gpux00/short/c001", "odd"]
)
def test_what_a_name_does_not_tell_for_sure_stays_unknown(cell: str) -> None:
    """A version may be a profile, and an engine of somebody's own a part of the model's name."""
    assert migrated({"schema_version": "1.0", "cell": cell})["parts"] is None


def test_the_next_session_writes_the_current_version(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """Old sessions and the new one are in the file, and cells that were not measured stay as they were."""
    before = store.load("main").cells[CELLS[0]]
    other = (store.root / "main" / file_name(CELLS[1])).read_bytes()
    assert store.save("main", "new", [make_result()], "2026-11-28", environment) == (CELLS[0],)
    written = json.loads((store.root / "main" / file_name(CELLS[0])).read_text(encoding="utf-8"))
    assert written["schema_version"] == SCHEMA_VERSION
    after = store.load("main").cells[CELLS[0]]
    assert {**before, "new": after["new"]} == after
    assert (store.root / "main" / file_name(CELLS[1])).read_bytes() == other


def test_a_rewrite_that_fails_leaves_the_old_document(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """A disk that is full (here, a limit of this process on what files may hold) costs nothing of it."""
    path = store.root / "main" / file_name(CELLS[0])
    before = path.read_bytes()
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(StorageError, match="cannot write"):
            store.save("main", "new", [make_result()], "2026-11-28", environment)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    assert sorted(one.name for one in path.parent.iterdir()) == sorted(file_name(cell) for cell in CELLS)


def test_a_newer_document_is_refused_and_left_alone(
    store: BaselineStore, make_result: MakeResult, environment: EnvironmentRecord
) -> None:
    """The message says which versions are meant and what to do; nothing is written over it."""
    path = store.root / "main" / file_name(CELLS[0])
    document = {**json.loads(path.read_text(encoding="utf-8")), "schema_version": "9.0"}
    path.write_text(json.dumps(document), encoding="utf-8")
    for attempt in (
        lambda: store.load("main"),
        lambda: store.save("main", "new", [make_result()], "2026-11-28", environment),
    ):
        with pytest.raises(StorageError, match=rf"of schema version 9\.0, and .* knows {SCHEMA_VERSION}"):
            attempt()
    assert json.loads(path.read_text(encoding="utf-8")) == document


VERSIONS = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))


@given(st.lists(VERSIONS, min_size=1, max_size=6, unique=True), st.data())
def test_steps_are_applied_in_order_from_where_a_document_is(
    versions: list[str], data: st.DataObject
) -> None:
    """However many there are: each once, the later ones only, and the given document does not change."""

    def noting(version: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        return lambda document: {**document, "seen": [*document["seen"], version]}

    steps = {a: Step(b, noting(b)) for a, b in pairwise(versions)}
    start = data.draw(st.integers(0, len(versions) - 1))
    document: dict[str, Any] = {"schema_version": versions[start], "seen": []}
    given_ = deepcopy(document)
    done = migrated(document, steps, versions[-1])
    assert done == {"schema_version": versions[-1], "seen": versions[start + 1 :]}
    assert document == given_


@given(VERSIONS)
def test_no_later_version_is_taken_for_one_that_is_known(version: str) -> None:
    """It is refused; an earlier one that never was stays as it is, for the model to refuse."""
    later = [int(part) for part in version.split(".")] > [1, 1]
    document = {"schema_version": version, "cell": "c"}
    if later:
        with pytest.raises(NewerSchema):
            migrated(document, current="1.1")
    elif version not in {*STEPS, "1.1"}:
        assert migrated(document, current="1.1") == document
