"""A configuration written in the test, engines that are not there, and one call from both to a plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import dedent
from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.spec.load import Configuration, load_configuration
from pytest_llmbench.spec.plan import Plan, Selection
from pytest_llmbench.spec.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmbench.spec.deployment import ArgValue, RuntimeName


@dataclass
class FakeEngine:
    """An engine that knows three arguments, or, with none, takes everything."""

    name: str
    default_runtime: RuntimeName = "docker"
    default_args: Mapping[str, ArgValue] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()

    def check_args(self, args: Mapping[str, ArgValue], runtime: RuntimeName) -> None:  # noqa: ARG002
        """Reject unknown arguments, and two that exclude each other."""
        for name in args if self.known else ():
            if name not in self.known:
                message = f"{self.name} has no argument {name!r}; {nearest(name, self.known)}"
                raise UsageError(message)
        if {"ctx-size", "no-context"} <= args.keys():
            message = "ctx-size and no-context exclude each other"
            raise UsageError(message)


NOTHING = Selection()

ENGINES: dict[str, FakeEngine] = {
    engine.name: engine
    for engine in (
        FakeEngine("vllm", default_args={"seed": 0}),
        FakeEngine("sglang"),
        FakeEngine(
            "llama",
            default_runtime="embedded",
            default_args={"parallel": 4},
            known=("parallel", "ctx-size", "n-gpu-layers", "no-context"),
        ),
        FakeEngine("openai", default_runtime="external"),
    )
}


class Load(Protocol):
    """Load YAML texts as files a.yaml, b.yaml, ... of the current folder."""

    def __call__(self, *texts: str, environ: Mapping[str, str] | None = None) -> Configuration:
        """Load `texts`, later ones over earlier ones."""


class MakePlan(Protocol):
    """Load one YAML text as a.yaml and resolve it against the fake engines."""

    def __call__(
        self, text: str = "", selection: Selection = ..., *, environ: Mapping[str, str] | None = None
    ) -> Plan:
        """Resolve `text` under `selection`."""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Write and load configuration files."""
    monkeypatch.chdir(tmp_path)

    def loaded(*texts: str, environ: Mapping[str, str] | None = None) -> Configuration:
        paths = []
        for name, text in zip("abc", texts, strict=False):
            paths.append(tmp_path / f"{name}.yaml")
            paths[-1].write_text(dedent(text), encoding="utf-8")
        return load_configuration(paths, environ or {})

    return loaded


@pytest.fixture
def make_plan(load: Load) -> MakePlan:
    """Write, load and resolve one configuration file."""

    def planned(
        text: str = "", selection: Selection = NOTHING, *, environ: Mapping[str, str] | None = None
    ) -> Plan:
        return resolve(load(text, environ=environ), selection, ENGINES)

    return planned
