from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.calibration.build import truth_server
from pytest_llmbench.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give all tests here one cache directory that is not the user's."""
    directory = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMBENCH_CACHE_DIR", str(directory))
        yield directory


@pytest.fixture(scope="session")
def program(cache: Path) -> Path:
    """Give the compiled truth server; skip where there can be none."""
    try:
        found = truth_server()
    except Unavailable as error:
        pytest.skip(str(error))
    assert found.is_relative_to(cache)
    return found
