from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_folder_must_exist(project: Project) -> None:
    """A folder that is not there is a usage error before anything starts."""
    project("--bench-models-dir=gone").usage_error("--bench-models-dir gone: no such folder")
