from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_reaches_the_engine_and_is_only_named(project: Project) -> None:
    """The variable is in the process of the server; its value is in no report."""
    project.suite(
        """
        import pytest
        from pathlib import Path

        @pytest.mark.bench
        def test_it(bench, llm_server, workload):
            bench(workload)
            children = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
            found = 0
            for pid in children:
                try:
                    found += b"MY_TOKEN=hunter2secret" in Path(f"/proc/{pid}/environ").read_bytes()
                except OSError:
                    pass
            assert found == 1
        """
    )
    left = project("--bench-model=tiny-glm", "--bench-env=MY_TOKEN=hunter2secret")
    left.measured()
    assert left.result["deployment"]["env"] == ["MY_TOKEN"]
    for path in left.folder.rglob("*"):
        assert path.is_dir() or "hunter2secret" not in path.read_text(errors="replace"), path
    assert "hunter2secret" not in left.out


@pytest.mark.parametrize("value", ["NAME", "=x", ""])
def test_refuses_what_is_no_variable(project: Project, value: str) -> None:
    """A name and a value."""
    project("--bench-model=tiny-glm", f"--bench-env={value}").usage_error("--bench-env")
