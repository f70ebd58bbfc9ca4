from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

_MODELS = """
models:
  - id: boxed
    source: builtin:tiny-glm
    gpus: [{count: 0}]
    backends: {llama: {runtime: docker, version: b1}}
"""


def test_says_whether_to_pull_or_build(project: Project) -> None:
    """It reaches the deployments that live in containers."""
    (project.root / "m.yaml").write_text(_MODELS)
    left = project("--plain", "--bench-config=m.yaml", "--bench-image-type=build", "--bench-show-config")
    line = next(line for line in left.out.splitlines() if line.startswith("  image-type "))
    assert line.split() == ["image-type", "build", "--bench-image-type"]


def test_there_are_two(project: Project) -> None:
    """Another is a mistake."""
    project("--bench-image-type=bild").usage_error(
        "--bench-image-type: expected prebuilt or build, not 'bild'"
    )
