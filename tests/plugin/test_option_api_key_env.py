from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_names_the_variable_with_the_key(
    project: Project, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readiness and measurement use it, and no report holds it."""
    engine.key = "hunter2secret"
    monkeypatch.setenv("FAKE_KEY", "hunter2secret")
    left = project("--bench-api-key-env=FAKE_KEY")
    assert left.code == 0, left.out
    assert {headers["authorization"] for headers in engine.headers} == {"Bearer hunter2secret"}
    for path in left.folder.rglob("*"):
        assert path.is_dir() or "hunter2secret" not in path.read_text(errors="replace"), path


def test_a_wrong_key_is_a_setup_error(
    project: Project, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses, and the message does not repeat the key."""
    engine.key = "right"
    monkeypatch.setenv("FAKE_KEY", "hunter2secret")
    left = project("--bench-api-key-env=FAKE_KEY")
    assert left.code == 1
    assert "401" in left.out or "key" in left.out
    assert "hunter2secret" not in left.out
    assert "Traceback" not in left.out


@pytest.mark.parametrize("value", ["", None])
def test_must_be_set(project: Project, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """A variable that is absent or empty is named before anything starts."""
    if value is not None:
        monkeypatch.setenv("FAKE_KEY", value)
    project("--bench-api-key-env=FAKE_KEY").usage_error("FAKE_KEY")
