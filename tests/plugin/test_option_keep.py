from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_a_replicate_is_a_fresh_start(project: Project) -> None:
    """Keeping a server and starting it afresh exclude each other; tests/docker has real containers."""
    project("--bench-keep", "--bench-replicates=2").usage_error("--bench-keep: a replicate is a fresh start")


def test_means_nothing_to_other_servers(project: Project) -> None:
    """A server that somebody else started is measured as ever."""
    project("--bench-keep").measured()
