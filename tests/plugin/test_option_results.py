from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_moves_reports_and_baselines(project: Project) -> None:
    """Everything lies there, and nothing where it would have."""
    left = project("--bench-results=elsewhere", "--bench-save=main")
    assert left.code == 0
    assert not (project.root / "results").exists()
    assert (project.root / "elsewhere" / "latest" / "report.json").is_file()
    assert list((project.root / "elsewhere" / "baselines" / "main").glob("*.json"))
    assert "elsewhere/latest/report.json" in left.out


@pytest.mark.parametrize("mode", [[], ["-n2"]], ids=["alone", "n2"])
def test_fails_if_the_folder_cannot_be_made(project: Project, mode: list[str]) -> None:
    """What was measured and cannot be kept must not look well."""
    (project.root / "file").write_text("in the way")
    left = project("--bench-results=file/results", *mode)
    assert left.code == 1, left.out
    assert "file/results" in left.out
    assert "INTERNALERROR" not in left.out
    assert "Traceback" not in left.out


def test_ignores_sessions_in_version_control_and_not_baselines(project: Project) -> None:
    """Baselines may be committed."""
    project("--bench-save=main")
    ignored = (project.root / "results" / ".gitignore").read_text().split()
    assert "/sessions/" in ignored
    assert "/baselines/" not in ignored
