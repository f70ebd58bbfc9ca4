"""`--bench-backend-version`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_two_versions_in_one_session(project: Project) -> None:
    """Ids tell them apart where there are two; one is a fact and not part of the id."""
    left = project(f"--bench-url=fake={project.url}", "--bench-backend-version=v1,v2")
    assert left.code == 0, left.out
    assert {(result["deployment"]["id"], result["deployment"]["version"]) for result in left.results} == {
        ("fake.openai.v1.tp01.gpux00", "v1"),
        ("fake.openai.v2.tp01.gpux00", "v2"),
    }
    left = project(f"--bench-url=fake={project.url}", "--bench-backend-version=openai=v3")
    assert left.result["deployment"]["id"] == "fake.openai.tp01.gpux00"
    assert left.result["deployment"]["version"] == "v3"


def test_an_embedded_engine_has_the_version_that_is_installed(project: Project) -> None:
    """Asking for another is an error."""
    project("--bench-model=tiny-glm", "--bench-backend-version=b1").usage_error(
        "--bench-backend-version b1: no selected deployment takes a version"
    )
