"""`--bench-gpus`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_what_there_is_not_is_skipped(project: Project, mode: list[str]) -> None:
    """A request is never shrunk to what the machine has."""
    left = project("--bench-model=tiny-glm", "--bench-gpus=0,64", *mode)
    assert left.code == 0, left.out
    assert [result["deployment"]["id"] for result in left.results] == ["tiny-glm.llama.tp01.gpux00"]
    (skipped,) = left.unmeasured
    assert skipped["deployment"] == "tiny-glm.llama.tp01.gpux64"
    assert skipped["reason"].startswith("needs 64 GPUs, found ")


def test_it_must_be_a_number(project: Project) -> None:
    """Of any GPUs, or of those of a model."""
    project("--bench-gpus=H100").usage_error("--bench-gpus: expected a number of GPUs, or of those")
