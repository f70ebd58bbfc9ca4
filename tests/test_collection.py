from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_llmbench.collection import Axis, Place, place_of
from pytest_llmbench.errors import UsageError
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.evals import EvalSettings
from pytest_llmbench.spec.workload import Workload

if TYPE_CHECKING:
    from pytest_llmbench.settings import Settings

TINY = Workload.model_validate({"id": "tiny", "prompts": ("Why?",), "out": 4})


def deployment(model: str) -> Deployment:
    """Make one that differs by its model."""
    return Deployment(model=model, source="builtin:tiny-glm", backend="llama", runtime="embedded")


def settings(**options: Any) -> Settings:  # noqa: ANN401
    """Make settings with these values, and one replicate."""
    values = {"replicates": 1, **options}
    return cast("Settings", SimpleNamespace(get=lambda name: values.get(name.replace("-", "_"))))


def axis(*models: str, **options: Any) -> Axis:  # noqa: ANN401
    """Make an axis over these models."""
    deployments = [deployment(model) for model in models]
    return Axis(deployments, {"tiny": TINY}, settings(**options), EvalSettings())


def item(place: Place | None, path: str = "t.py") -> pytest.Item:
    """Make a test at a place."""
    callspec = SimpleNamespace(params={"llm_server": place} if place else {})
    return cast("pytest.Item", SimpleNamespace(callspec=callspec, path=path))


def anywhere(_place: Place) -> None:
    """Every place can be had."""


def test_places_come_replicate_by_replicate() -> None:
    """A1 B1 A2 B2: what drifts over the session hits every deployment alike."""
    a, b = deployment("a"), deployment("b")
    places = [Place(deployment, replicate) for replicate in (1, 2) for deployment in (a, b)]
    items = [item(None), *(item(place) for place in (places[2], places[0], places[3], places[1]))]
    axis("a", "b", replicates=2).sort(items, anywhere)
    assert [place_of(test) for test in items] == [None, *places]


@pytest.mark.parametrize(
    ("replicates", "reruns", "order"),
    [
        (5, 0, "a1 b1 b2 a2 a3 b3 b4 a4 a5 b5"),
        (4, 0, "b1 a1 a2 b2 b3 a3 a4 b4"),
        (3, 2, "a1 b1 b2 a2 a3 b3 b4 a4 a5 b5"),
    ],
)
def test_sides_change_places_from_pair_to_pair(replicates: int, reruns: int, order: str) -> None:
    """What drifts favours each in its turn; B is last wherever a verdict is given."""
    a, b = (deployment("m").model_copy(update={"side": side}) for side in "ab")
    both = Axis([a, b], {"tiny": TINY}, settings(replicates=replicates), EvalSettings(), reruns=reruns)
    places = [Place(side, number) for side in (a, b) for number in range(1, replicates + reruns + 1)]
    items = [item(place) for place in places]
    both.sort(items, anywhere)
    found = [place for test in items if (place := place_of(test))]
    assert " ".join(f"{place.deployment.side}{place.replicate}" for place in found) == order


def test_workers_begin_with_what_wants_most() -> None:
    """Else the large one comes last, and the other workers have nothing left to do."""
    small, large = deployment("a"), deployment("b").model_copy(update={"gpus": 4})
    places = [Place(one, 1) for one in (small, large)]
    both = Axis([small, large], {"tiny": TINY}, settings(), EvalSettings())
    items = [item(place) for place in places]
    both.sort(items, anywhere)
    assert [place_of(test) for test in items] == places
    both.sort(items, anywhere, largest_first=True)
    assert [place_of(test) for test in items] == places[::-1]


def test_sorting_keeps_the_order_within_a_place() -> None:
    """Authors' order is nobody's business but theirs."""
    place = Place(deployment("a"), 1)
    items = [item(place) for _ in range(5)]
    before = list(items)
    axis("a").sort(items, anywhere)
    assert [id(test) for test in items] == [id(test) for test in before]


def test_what_cannot_run_here_comes_last() -> None:
    """File by file, since pytest prints a line whenever the file changes."""
    a, b = Place(deployment("a"), 1), Place(deployment("b"), 1)
    items = [item(a, "1"), item(b, "1"), item(a, "2"), item(b, "2")]
    axis("a", "b").sort(items, lambda place: "no GPU" if place == a else None)
    assert [(str(test.path), place_of(test)) for test in items] == [("1", b), ("2", b), ("1", a), ("2", a)]


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("t.py::test[a.llama.tp01.gpux00-tiny]", "a.llama.tp01.gpux00"),
        ("t.py::test[a.llama.tp01.gpux00]", "a.llama.tp01.gpux00"),
        ("t.py::test[x-a.llama.tp01.gpux00-tiny]", "x-a.llama.tp01.gpux00"),
        ("t.py::test[1-a.llama.tp01.gpux00-tiny]", "a.llama.tp01.gpux00"),
        ("t.py::test[other]", "t.py"),
        ("t.py::test", "t.py"),
        ("a[b/t.py::test", "a[b/t.py"),
    ],
)
def test_a_node_id_names_its_deployment(nodeid: str, scope: str) -> None:
    """Wherever it stands among the parameters, and though one's id ends like another's; else its file."""
    assert axis("a", "x-a").scope(nodeid) == scope


def test_replicates_of_a_deployment_stay_together() -> None:
    """They are one scope, so that one worker judges them together."""
    both = axis("a", replicates=2)
    ids = [f"t.py::test[a.llama.tp01.gpux00.r{number:02d}-tiny]" for number in (1, 2)]
    assert {both.scope(nodeid) for nodeid in ids} == {"a.llama.tp01.gpux00"}


def test_lengths_of_the_options_make_another_workload() -> None:
    """Its id says so, and only what was given changes."""
    assert axis("a").workload("tiny") is TINY
    longer = axis("a", output_tokens=9).workload("tiny")
    assert (longer.id, longer.output_tokens, longer.prompts) == ("tiny-out0009", 9, TINY.prompts)
    exact = axis("a", input_tokens=50).workload("tiny")
    assert (exact.id, exact.input_tokens, exact.output_tokens, exact.prompts) == ("in0050-out0004", 50, 4, ())


def test_there_must_be_something_to_measure() -> None:
    """An axis without places would skip every test in silence."""
    with pytest.raises(UsageError, match="names no model"):
        axis()
