"""Running pytest on a project of one's own, and looking at what it leaves behind."""

from __future__ import annotations

import inspect
import json
import os
import socket
import sys
import textwrap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from xml.etree import ElementTree as ET

import httpcore  # noqa: F401 - else each run in this process imports its own, whose errors are others
import jsonschema
import pytest
import yaml  # noqa: F401 - likewise: what libyaml makes is of the classes of the first import

import pytest_llmbench.activation  # noqa: F401 - once for all runs in this process, not in each of them
from pytest_llmbench.planning import known_facts
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.embedded import Embedded
from pytest_llmbench.shared_files import LOCK_FOLDER
from pytest_llmbench.spec.deployment import Deployment
from tests import never_late
from tests.plugin.fake_engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["WIDE", "Left", "Project"]

_ROOT = Path(__file__).parents[2]
# Made once: jsonschema's own `validate` checks the schema each time, which takes as long as a session.
_SCHEMA = jsonschema.Draft202012Validator(
    json.loads((_ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
)

WIDE = "--bench-compare-fail=ttft.p50:9999999%,tpot.p50:9999999%,throughput_output:99.9999%"
"""Limits that nothing breaks that is only slow."""

SUITE = """
    import pytest

    @pytest.mark.bench
    def test_it(bench, workload):
        bench(workload)
"""

WORKLOADS = """
    workloads:
      tiny: {out: 4, prompts: ["Why is the sky blue?", "How do boats float?"]}
      other: {out: 6, prompts: ["What is bread made of?"]}
      exact: {in: 64, out: 4}
"""

_INI = """
[pytest]
addopts = -p no:benchmark -p no:hypothesispytest -p no:deepeval
  -p no:randomly -p no:random_order -p no:reverse -p never_late
pythonpath = .
filterwarnings = error
"""


@dataclass(frozen=True)
class Left:
    """What a run of pytest left behind."""

    root: Path
    code: int
    out: str

    @cached_property
    def folder(self) -> Path:
        """The session's folder."""
        return (self.root / "results" / "latest").resolve(strict=True)

    @cached_property
    def report(self) -> dict[str, Any]:
        """The JSON document, which is held to its published schema."""
        document: dict[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        _SCHEMA.validate(document)
        return document

    @property
    def results(self) -> list[dict[str, Any]]:
        """The results in the document."""
        found: list[dict[str, Any]] = self.report["results"]
        return found

    @property
    def result(self) -> dict[str, Any]:
        """The only one."""
        (result,) = self.results
        return result

    @property
    def unmeasured(self) -> list[dict[str, Any]]:
        """What was selected and not measured."""
        found: list[dict[str, Any]] = self.report["unmeasured"]
        return found

    @cached_property
    def junit(self) -> ET.Element:
        """The JUnit report beside the document."""
        return self.read_junit(self.folder / "junit.xml")

    def baseline(self, name: str = "main") -> dict[str, dict[str, Any]]:
        """The cells of a baseline, as they are stored."""
        files = (self.root / "results" / "baselines" / name).glob("*.json")
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in files]
        return {document["cell"]: document for document in documents}

    def edit_baseline(self, edit: Callable[[dict[str, Any]], None], name: str = "main") -> None:
        """Change every session of every cell of a baseline."""
        for path in (self.root / "results" / "baselines" / name).glob("*.json"):
            document = json.loads(path.read_text(encoding="utf-8"))
            for entry in document["sessions"].values():
                edit(entry)
            path.write_text(json.dumps(document), encoding="utf-8")

    def edit_documents(self, edit: Callable[[dict[str, Any]], None], name: str = "main") -> None:
        """Change every document of a baseline."""
        for path in (self.root / "results" / "baselines" / name).glob("*.json"):
            document = json.loads(path.read_text(encoding="utf-8"))
            edit(document)
            path.write_text(json.dumps(document), encoding="utf-8")

    @staticmethod
    def read_junit(path: Path) -> ET.Element:
        """Read any JUnit file; it is ours, so there is nothing to fear in it."""
        return ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314

    def measured(self) -> None:
        """Hold it to having measured all it selected, and to nothing being wrong."""
        assert self.code == 0, self.out
        assert self.results, self.out
        assert self.unmeasured == []
        assert [reason for result in self.results for reason in result["validity"]["reasons"]] == []

    def usage_error(self, *texts: str) -> None:
        """Hold it to a usage error that says this."""
        assert self.code == pytest.ExitCode.USAGE_ERROR, self.out
        for text in texts:
            assert text in self.out
        assert "Traceback" not in self.out
        assert not (self.root / "results" / "sessions").exists()


class Project(Protocol):
    """Runs pytest in a folder that has a suite and workloads of its own; `url` is the fake engine's.

    No result is invalid because this machine is busy: every run loads `never_late`.
    """

    root: Path
    url: str

    def __call__(self, *args: str, own_process: bool = False) -> Left:
        """Run `pytest -m bench`, against the fake engine unless the arguments choose something else.

        `--no-url` and `--no-workload` leave these options out, `--plain` every one.
        """

    def command(self, *args: str) -> list[str]:
        """The command of a run in a process of its own."""

    def suite(self, text: str) -> None:
        """Replace the suite."""


@pytest.fixture(autouse=True)
def _own_environment(model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this process's options, cache and lateness out of the runs."""
    never_late.lift_limits(monkeypatch.setattr)
    for name in os.environ:
        if name.startswith("LLMBENCH_") and name != LOCK_FOLDER:
            monkeypatch.delenv(name)
    monkeypatch.setenv("LLMBENCH_CACHE_DIR", str(model_cache))
    known_facts.cache_clear()


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[FakeEngine]:
    """Run one fake engine for all."""
    with FakeEngine() as engine:
        yield engine


@pytest.fixture
def engine(shared_engine: FakeEngine) -> FakeEngine:
    """Give the fake engine, well-behaved."""
    shared_engine.forget()
    return shared_engine


@pytest.fixture(scope="session")
def real_url(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one real server, which nobody may end, and give its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMBENCH_CACHE_DIR", str(model_cache))
        server = Embedded().start(
            Deployment(model="tiny-glm", source="builtin:tiny-glm", backend="llama", runtime="embedded"),
            StartContext(log_path=tmp_path_factory.mktemp("real") / "server.log"),
        )
    yield server.server.base_url
    server.stop()


class _Project:
    def __init__(self, pytester: pytest.Pytester, engine: FakeEngine) -> None:
        self.root, self._pytester, self._engine = pytester.path, pytester, engine
        self.url = engine.url
        self.suite(SUITE)
        (self.root / "config").mkdir()
        (self.root / "config" / "workloads.yaml").write_text(textwrap.dedent(WORKLOADS), encoding="utf-8")
        (self.root / "never_late.py").write_text(inspect.getsource(never_late), encoding="utf-8")
        pytester.makeini(_INI)

    def suite(self, text: str) -> None:
        (self.root / "test_suite.py").write_text(textwrap.dedent(text), encoding="utf-8")

    def arguments(self, args: tuple[str, ...]) -> list[str]:
        if "--plain" in args:
            return [arg for arg in args if arg != "--plain"]
        given = [arg.partition("=")[0] for arg in args]
        usual = [] if "-m" in given else ["-m", "bench"]
        for option, value in (("workload", "tiny"), ("requests", "2"), ("warmup", "1")):
            if not {f"--bench-{option}", f"--no-{option}"} & set(given):
                usual.append(f"--bench-{option}={value}")
        if not {"--bench-url", "--bench-model", "--bench-config", "--no-url"} & set(given):
            usual.append(f"--bench-url=fake={self._engine.url}")
        return [*usual, *(arg for arg in args if arg not in {"--no-url", "--no-workload"})]

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "pytest", *self.arguments(args)]

    def __call__(self, *args: str, own_process: bool = False) -> Left:
        self._engine.requests.clear()
        self._engine.headers.clear()
        if own_process:
            result = self._pytester.run(*self.command(*args), timeout=280)
        else:
            result = self._pytester.runpytest_inprocess(*self.arguments(args))
        return Left(self.root, int(result.ret), "\n".join((*result.outlines, *result.errlines)))


@pytest.fixture
def project(pytester: pytest.Pytester, engine: FakeEngine) -> Project:
    """Give a project to run pytest in."""
    return _Project(pytester, engine)


@pytest.fixture(params=["-p no:xdist", "-n0", "-n2"])
def mode(request: pytest.FixtureRequest) -> list[str]:
    """Run without xdist, with it and no workers, and with two."""
    return str(request.param).split()


@pytest.fixture
def unused_port() -> int:
    """Find a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
