from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_means_nothing_to_other_servers(project: Project) -> None:
    """Who has no image is measured as ever; tests/docker holds it to real images."""
    project("--bench-rebuild").measured()
