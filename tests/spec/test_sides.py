from __future__ import annotations

import pytest

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.errors import UsageError
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.plan import Plan
from pytest_llmbench.spec.sides import split_sides

ONE = Deployment(
    model="m", source="builtin:tiny-glm", backend="llama", runtime="embedded", args=(("threads", 2),)
)
PLAN = Plan((ONE,), {ONE.id: {"args.threads": "models.yaml:3"}}, {ONE.id: frozenset()})


def test_both_sides_are_one_cell() -> None:
    """Next to each other, told apart by their test ids; what differs has its origin."""
    a, b = split_sides(PLAN, ["B=arg.threads=1"], BACKENDS).deployments
    assert (a.id, b.id) == (f"{ONE.id}.a", f"{ONE.id}.b")
    assert a.cell == b.cell == ONE.id
    assert (dict(a.args), dict(b.args)) == ({"threads": 2}, {"threads": 1})
    plan = split_sides(PLAN, ["B=arg.threads=1"], BACKENDS)
    assert plan.origins[b.id] == {"args.threads": "--bench-ab"}
    assert plan.origins[a.id] == {"args.threads": "models.yaml:3"}


def test_sides_may_differ_in_anything_that_makes_a_server() -> None:
    """A version, an image, a variable, a server that runs already; side A, too."""
    specs = ["a=version=1", "B=version=2", "B=env.API_TOKEN=x", "A=image=one:1"]
    plan = split_sides(PLAN, specs, BACKENDS)
    a, b = plan.deployments
    assert (a.version, a.image, a.runtime) == ("1", "one:1", "docker")
    assert (b.version, b.env, b.runtime) == ("2", (("API_TOKEN", "x"),), "embedded")
    assert plan.secrets[b.id] == {"env.API_TOKEN"}
    _, url = split_sides(PLAN, ["B=url=http://host:8000/v1"], BACKENDS).deployments
    assert (url.url, url.runtime) == ("http://host:8000", "external")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("C=version=1", "expected SIDE=KEY=VALUE"),
        ("B=version", "expected SIDE=KEY=VALUE"),
        ("B=verson=1", "did you mean 'version'"),
        ("B=arg=1", "'arg' is not what a side can differ in"),
        ("B=arg.threads=2", "both sides of m.llama.tp01.gpux00 are the same"),
        ("B=arg.host=0.0.0.0", "--bench-ab: "),
    ],
)
def test_what_makes_no_sides_is_a_usage_error(spec: str, told: str) -> None:
    """Told with the form, before anything starts."""
    with pytest.raises(UsageError) as caught:
        split_sides(PLAN, [spec], BACKENDS)
    assert told in str(caught.value)


def test_an_argument_that_only_one_backend_has() -> None:
    """The message names the backend that knows it, and the option that leaves the others out."""
    other = ONE.model_copy(update={"backend": "vllm", "runtime": "process", "args": ()})
    with pytest.raises(UsageError) as caught:
        split_sides(Plan((ONE, other), {}, {}), ["B=arg.ctx-size=4096"], BACKENDS)
    assert "unknown argument 'ctx-size' of backend vllm" in str(caught.value)
    assert str(caught.value).endswith("to compare those of llama alone: --bench-backend=llama")
