from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def test_is_stored_with_the_results(project: Project) -> None:
    """Each label is in the report's environment; a value may hold an equals sign, or be empty."""
    left = project("--bench-label=rack=b7", "--bench-label=note=a=b, c", "--bench-label=empty=")
    assert left.report["environment"]["label"] == {"rack": "b7", "note": "a=b, c", "empty": ""}


@pytest.mark.parametrize("value", ["rack", "=b7"])
def test_refuses_what_has_no_key(project: Project, value: str) -> None:
    """A note without a name could not be found again."""
    project(f"--bench-label={value}").usage_error(f"--bench-label: expected KEY=VALUE, not '{value}'")
