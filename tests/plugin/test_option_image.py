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


def test_takes_the_place_of_the_engines_own(project: Project) -> None:
    """For all backends or for one; the origin is told."""
    (project.root / "m.yaml").write_text(_MODELS)
    for text in ("registry/llama:1", "llama=registry/llama@sha256:ab"):
        left = project("--plain", "--bench-config=m.yaml", f"--bench-image={text}", "--bench-show-config")
        line = next(line for line in left.out.splitlines() if line.startswith("  image "))
        assert line.split() == ["image", text.removeprefix("llama="), "--bench-image"]


def test_what_nobody_takes_is_a_mistake(project: Project) -> None:
    """An unknown backend, and an image for servers that have none."""
    (project.root / "m.yaml").write_text(_MODELS)
    project("--plain", "--bench-config=m.yaml", "--bench-image=lama=x").usage_error("unknown backend 'lama'")
    project("--plain", "--bench-model=tiny-glm", "--bench-image=x").usage_error(
        "--bench-image: no selected deployment starts a server that could take it"
    )
