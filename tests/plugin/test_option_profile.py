"""`--bench-profile`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

CONFIG = """
models:
  - id: tiny
    source: builtin:tiny-glm
    backends:
      llama: {args: {ctx-size: 1024}, profiles: {small: {args: {ctx-size: 512}, env: {A: b}}}}
"""


def test_each_profile_is_a_deployment(project: Project) -> None:
    """Under its own id, with its own arguments, on a server of its own."""
    (project.root / "mine.yaml").write_text(CONFIG)
    left = project("--bench-config=mine.yaml", "--bench-profile=plain,small")
    left.measured()
    deployments = {result["deployment"]["id"]: result["deployment"] for result in left.results}
    assert {name: one["args"]["ctx-size"] for name, one in deployments.items()} == {
        "tiny.llama.tp01.gpux00": 1024,
        "tiny.llama.small.tp01.gpux00": 512,
    }
    assert left.report["session"]["server_starts"] == 2


def test_it_must_exist(project: Project) -> None:
    """In the settings of a backend that is selected."""
    (project.root / "mine.yaml").write_text(CONFIG)
    project("--bench-config=mine.yaml", "--bench-profile=smal").usage_error(
        "--bench-profile smal: no selected deployment has it; did you mean 'small'?"
    )
