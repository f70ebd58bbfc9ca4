"""What the command line asks of the matrix: versions, profiles, tensor parallelism, GPUs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.spec.files import AUTO, GpuRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_llmbench.spec.plan import Selection

__all__ = ["Asked", "read_asked"]

_REQUEST = re.compile(r"(\d+)(?:x(.+))?")


@dataclass(frozen=True, slots=True)
class Asked:
    """Read from a selection; what is empty leaves the axis to the files.

    `versions` are by backend, None for whichever is selected.
    """

    versions: Mapping[str | None, tuple[str, ...]] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    tp: tuple[int | str, ...] = ()
    gpus: tuple[GpuRequest, ...] = ()


def read_asked(selection: Selection, engines: Iterable[str]) -> Asked:
    """Read what a selection says about the axes.

    Raises:
        UsageError: an option is not written as it should be; names it and what it takes.
    """
    return Asked(
        _versions(selection.versions, tuple(engines)),
        tuple(dict.fromkeys(selection.profiles)),
        tuple(dict.fromkeys(map(_tp, selection.tp))),
        tuple(dict.fromkeys(map(_gpus, selection.gpus))),
    )


def _versions(texts: Iterable[str], engines: tuple[str, ...]) -> dict[str | None, tuple[str, ...]]:
    found: dict[str | None, tuple[str, ...]] = {}
    for text in texts:
        name, equals, version = text.partition("=")
        backend = name if equals else None
        if backend is not None and backend not in engines:
            message = f"--bench-backend-version {text}: unknown backend {name!r}; {nearest(name, engines)}"
            raise UsageError(message)
        version = version if equals else text
        if not version:
            message = f"--bench-backend-version takes [BACKEND=]VERSION, not {text!r}"
            raise UsageError(message)
        found[backend] = tuple(dict.fromkeys((*found.get(backend, ()), version)))
    return found


def _tp(text: str) -> int | str:
    if text == AUTO:
        return AUTO
    if not text.isdecimal() or int(text) < 1:
        message = f"--bench-tp: expected whole numbers of at least 1, or {AUTO}, not {text!r}"
        raise UsageError(message)
    return int(text)


def _gpus(text: str) -> GpuRequest:
    found = _REQUEST.fullmatch(text)
    if not found:
        message = f"--bench-gpus: expected a number of GPUs, or of those of a model (2xH100), not {text!r}"
        raise UsageError(message)
    return GpuRequest(count=int(found[1]), name=found[2])
