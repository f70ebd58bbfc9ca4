from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_selects_among_those_of_a_model(project: Project) -> None:
    """Deployments of other backends are not even collected."""
    left = project("--no-url", "--bench-backend=vllm", "--collect-only", "-q")
    ids = [line for line in left.out.splitlines() if "::" in line]
    assert ids
    assert all(".vllm." in line for line in ids)


def test_says_what_an_external_server_is(project: Project, real_url: str) -> None:
    """With --bench-url it names the engine, which is checked."""
    left = project(f"--bench-url=real={real_url}", "--bench-backend=llama")
    left.measured()
    assert left.result["deployment"]["id"] == "real.llama.tp01.gpux00"
    left = project(f"--bench-url=real={real_url}", "--bench-backend=vllm")
    assert left.code == 1
    assert "is served by llama" in left.out


@pytest.mark.parametrize(
    ("value", "hint"), [("vlm", "did you mean 'vllm'"), ("", "expected NAME, not nothing")]
)
def test_names_the_nearest(project: Project, value: str, hint: str) -> None:
    """A backend that does not exist is told with those that do."""
    project("--no-url", f"--bench-backend={value}").usage_error("--bench-backend", hint)


def test_a_model_must_run_on_it(project: Project) -> None:
    """A selection of nothing is a mistake."""
    project("--bench-model=tiny-glm", "--bench-backend=vllm").usage_error(
        "--bench-backend vllm: no selected model runs on it", "tiny-glm runs on llama"
    )
