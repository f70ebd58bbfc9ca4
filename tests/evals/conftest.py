"""The published data and verdicts, where they lie beside the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_llmbench.evals.ifeval.sentences import find_punkt
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.embedded import Embedded
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.runtimes.server import Server

__all__ = ["Rows"]

_DATA = Path(__file__).parents[3] / "shared" / "data"


class Rows(Protocol):
    """Reads a file of the data, given as `ifeval/input_data.jsonl`."""

    def __call__(self, name: str) -> list[dict[str, Any]]:
        """Read its lines."""


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Give the folder that holds the published data."""
    if not _DATA.is_dir():
        pytest.skip(f"the data sets are not part of the repository; they are looked for in {_DATA}")
    return _DATA


@pytest.fixture(scope="session")
def rows(data_dir: Path) -> Rows:
    """Give what reads the data."""

    def read(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (data_dir / name).read_text(encoding="utf-8").splitlines()]

    return read


@pytest.fixture(scope="session")
def nltk_data(data_dir: Path) -> Path:
    """Give Punkt's data."""
    return data_dir / "nltk_data"


@pytest.fixture
def no_punkt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide Punkt's data, wherever it is installed."""
    nltk = pytest.importorskip("nltk.data")
    monkeypatch.setattr(nltk, "path", [])
    monkeypatch.delenv("NLTK_DATA", raising=False)
    find_punkt.cache_clear()
    yield
    find_punkt.cache_clear()


@pytest.fixture(scope="session")
def real_server(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a real engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMBENCH_CACHE_DIR", str(model_cache))
        running = Embedded().start(
            Deployment(model="tiny-glm", source="builtin:tiny-glm", backend="llama", runtime="embedded"),
            StartContext(log_path=tmp_path_factory.mktemp("evals") / "server.log"),
        )
    yield running.server
    running.stop()
