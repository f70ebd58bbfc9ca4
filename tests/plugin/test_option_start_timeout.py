from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_ends_a_start_that_takes_longer(project: Project) -> None:
    """The wait is over after that time, with what the server said so far."""
    embedded = f"{{runtime: embedded, env: {{PYTHONPATH: {project.root}}}}}"
    model = f"{{id: slow, source: 'builtin:tiny-glm', run: [llama], backends: {{llama: {embedded}}}}}"
    (project.root / "slow.yaml").write_text(f"models: [{model}]")
    (project.root / "sitecustomize.py").write_text("import time; time.sleep(20)")
    left = project("--bench-config=slow.yaml", "--bench-start-timeout=1")
    assert left.code == 1, left.out
    assert "1 error" in left.out
    (error,) = left.unmeasured
    assert "1 s" in error["reason"]
    assert "Traceback" not in left.out


@pytest.mark.parametrize("value", ["0", "later"])
def test_refuses_what_is_no_time(project: Project, value: str) -> None:
    """At least a second."""
    project(f"--bench-start-timeout={value}").usage_error(
        "--bench-start-timeout: expected a number of at least 1"
    )
