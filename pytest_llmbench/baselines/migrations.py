"""Documents of earlier versions, made into those of this one: a pure function for each step.

A document is migrated when it is read. On disk it stays what it was until something is saved into it, and
then it is replaced as a whole or not at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_llmbench.baselines.model import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STEPS", "NewerSchema", "Step", "migrated"]

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


class Step(NamedTuple):
    """From one version to the next: `change` returns a new document and leaves the old one alone."""

    to: str
    change: Callable[[Mapping[str, Any]], dict[str, Any]]


class NewerSchema(ValueError):
    """A document of a version that is not known yet."""


def migrated(
    document: Mapping[str, Any],
    steps: Mapping[str, Step] | None = None,
    current: str = SCHEMA_VERSION,
) -> Mapping[str, Any]:
    """Bring a document to the current version, step by step; one that is of it, or of none, stays as it is.

    Raises:
        NewerSchema: it is of a later version.
    """
    steps = STEPS if steps is None else steps
    while (version := str(document.get("schema_version"))) != current:
        if version not in steps:
            if _later(version, current):
                message = f"is of schema version {version}, and this pytest-llmbench knows {current}"
                raise NewerSchema(message)
            return document
        step = steps[version]
        document = {**step.change(document), "schema_version": step.to}
    return document


def _later(version: str, current: str) -> bool:
    if not _NUMBERS.fullmatch(version):
        return False
    return [int(part) for part in version.split(".")] > [int(part) for part in current.split(".")]


# As they were when names alone told them; engines added by a project are not among them.
_BACKENDS_OF_1_0 = "llama|ik_llama|vllm|sglang|trtllm|openai"
_NAME_OF_1_0 = re.compile(
    rf"(?P<model>.+)\.(?P<backend>{_BACKENDS_OF_1_0})\.(?P<placement>tp\d\d[^/]*)"
    r"/(?P<workload>[^/]+)/(?P<load>c(?P<concurrency>\d+)|[^/]+)"
)


def _tell_parts(document: Mapping[str, Any]) -> dict[str, Any]:
    """From 1.0: say what the cell is made of, where its name leaves no doubt; else the next session does."""
    found = _NAME_OF_1_0.fullmatch(str(document.get("cell")))
    parts: dict[str, Any] | None = None
    if found:
        concurrency = found["concurrency"]
        parts = {**found.groupdict(), "concurrency": int(concurrency) if concurrency else None}
    return {**document, "parts": parts}


STEPS: Mapping[str, Step] = {"1.0": Step("1.1", _tell_parts)}
"""By the version they start from."""
