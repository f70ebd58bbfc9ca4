from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Project


def test_selects_from_the_configuration(project: Project) -> None:
    """One model of the shipped ones is started, once, and names the cell."""
    left = project("--bench-model=tiny-glm")
    left.measured()
    assert left.report["session"]["server_starts"] == 1
    assert left.result["deployment"]["source"] == "builtin:tiny-glm"
    assert left.result["server"]["facts"]["engine"] == "llama"
    log = left.folder / left.result["server"]["log"]
    assert log.stat().st_size > 0


def test_takes_a_file_the_configuration_does_not_know(project: Project, model_cache: Path) -> None:
    """A GGUF file is a model of its own name, on the engine that reads its format."""
    project("--bench-model=tiny-glm")
    (weights,) = model_cache.rglob("tiny-glm*.gguf")
    copy = project.root / "My Model.gguf"
    copy.write_bytes(weights.read_bytes())
    left = project(f"--bench-model={copy}")
    left.measured()
    assert left.result["deployment"]["id"] == "my-model.llama.tp01.gpux00"


def test_a_broken_file_is_a_setup_error_with_the_telling_lines(project: Project) -> None:
    """The engine exits before it is ready: at once, with its own words and without our traceback."""
    broken = project.root / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 400)
    left = project(f"--bench-model={broken}")
    assert left.code == 1, left.out
    assert "1 error" in left.out
    assert "Traceback" not in left.out
    assert "whole log: " in left.out
    (error,) = left.unmeasured
    assert error["outcome"] == "error"
    assert "broken" in error["reason"]
    assert left.junit.find(".//error") is not None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("tiny-glmm", "did you mean 'tiny-glm'"),
        ("nowhere/at/all.gguf", "no such file"),
        ("builtin:tiny-gml", "tiny-glm"),
        ("", "--bench-model: expected NAME, not nothing"),
    ],
)
def test_names_the_nearest(project: Project, value: str, told: str) -> None:
    """What does not exist is told before anything starts."""
    project(f"--bench-model={value}").usage_error(told)
