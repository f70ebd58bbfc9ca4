from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_reaches_the_engine(project: Project) -> None:
    """It is in the report, and the server runs with it."""
    left = project("--bench-model=tiny-glm", "--bench-arg=ctx-size=2048", "--bench-arg=llama.parallel=2")
    left.measured()
    args = left.result["deployment"]["args"]
    assert (args["ctx-size"], args["parallel"]) == (2048, 2)
    facts = left.result["server"]["facts"]
    assert facts["slots"] == 2
    assert facts["context_length"] == 2048 // 2


def test_of_another_backend_is_not_for_anybody(project: Project) -> None:
    """An argument that no selected engine takes would be lost in silence."""
    project("--bench-model=tiny-glm", "--bench-arg=vllm.max-model-len=100").usage_error(
        "--bench-arg max-model-len: no selected deployment"
    )


@pytest.mark.parametrize("value", ["ctx-size", "=5", ""])
def test_refuses_what_is_no_argument(project: Project, value: str) -> None:
    """A name and a value."""
    project("--bench-model=tiny-glm", f"--bench-arg={value}").usage_error("--bench-arg")


def test_an_unknown_one_names_the_nearest(project: Project) -> None:
    """An engine that knows its arguments tells before it starts, and starts nothing."""
    project("--bench-model=tiny-glm", "--bench-arg=ctx-sise=5").usage_error("did you mean 'ctx-size'")
