"""What holds for this repository only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

TESTS = Path(__file__).parent / "tests"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the project's own tests alone in `pytest -m bench`: they need packages that benchmarks do not."""
    if config.option.markexpr == "bench" and collection_path.is_relative_to(TESTS):
        return True
    return None
