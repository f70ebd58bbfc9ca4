"""Every error this package raises on purpose.

    LLMBenchError
    ├── UsageError               the user asked for something impossible: exit code 4
    │   ├── ConfigError          ... in a file: names file, line and key
    │   └── BaselineMissing      ... by the name of a baseline that does not exist
    ├── Unavailable              this machine lacks what a deployment needs: the test is skipped
    ├── ServerError              a server did not come up or broke the protocol: setup error
    │   └── ServerStartError     ... before it was ready: carries the telling end of its log
    ├── MeasurementError         the load could not be generated or nothing succeeded
    ├── StatisticsError          a statistic was asked for that the sample cannot carry
    ├── Judged                   a measuring test whose numbers were not good enough
    │   ├── InvalidMeasurement   the measurement does not describe the server
    │   └── Regression           worse than the baseline beyond the allowed limit
    └── StorageError             a file could not be read or written: names the file

Messages are complete sentences for the person at the terminal; none needs a traceback to be
understood.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "BaselineMissing",
    "ConfigError",
    "InvalidMeasurement",
    "Judged",
    "LLMBenchError",
    "MeasurementError",
    "Regression",
    "ServerError",
    "ServerStartError",
    "StatisticsError",
    "StorageError",
    "Unavailable",
    "UsageError",
    "misspelt",
    "nearest",
]


class LLMBenchError(Exception):
    """Base of everything raised on purpose."""


class UsageError(LLMBenchError):
    """An option, marker or file asks for something that cannot be."""


class ConfigError(UsageError):
    """A configuration file is wrong at a known place."""

    def __init__(
        self, message: str, *, file: Path | str, line: int | None = None, key: str | None = None
    ) -> None:
        self.file, self.line, self.key = file, line, key
        place = f"{file}:{line}" if line is not None else f"{file}"
        super().__init__(f"{place}: {key}: {message}" if key else f"{place}: {message}")


class Unavailable(LLMBenchError):
    """Hardware, a driver or a package is missing here; the message is the skip reason."""


class ServerError(LLMBenchError):
    """A server could not be used."""


class ServerStartError(ServerError):
    """A server ended, or stopped making progress, before it was ready."""

    def __init__(self, message: str, *, log_tail: Iterable[str] = (), log: Path | None = None) -> None:
        self.log_tail, self.log = tuple(log_tail), log
        lines = [message, *(f"  | {line}" for line in self.log_tail)]
        if log is not None:
            lines.append(f"whole log: {log}")
        super().__init__("\n".join(lines))


class MeasurementError(LLMBenchError):
    """A run produced nothing that could be measured."""


class StatisticsError(LLMBenchError):
    """A statistic was asked for that the sample is too small to carry."""


class Judged(LLMBenchError):
    """Base of the outcomes that fail a measuring test; its first line names the metrics."""


class InvalidMeasurement(Judged):
    """The measurement does not describe the server; the message says why."""


class Regression(Judged):
    """A metric is worse than its baseline beyond the allowed limit."""


class BaselineMissing(UsageError):
    """A baseline was named that does not exist; the message says how to record it."""


class StorageError(LLMBenchError):
    """A file could not be read or written."""

    def __init__(self, message: str, *, file: Path | str) -> None:
        self.file = file
        super().__init__(f"{file}: {message}")


def nearest(word: str, known: Iterable[str], *, n: int = 3) -> str:
    """Say which of `known` the user may have meant.

    Returns a clause that can follow a sentence: ``did you mean 'vllm'?`` or, when nothing is close,
    ``known: a, b, c``.
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=n, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(name) for name in close) + "?"
    return "known: " + ", ".join(names) if names else "there are none"


def misspelt(word: str, known: Iterable[str]) -> str | None:
    """Return the name that `word` is nearly, apart from what all of them begin with; None if it is none."""
    ends = {name.partition("_")[2]: name for name in known}
    close = difflib.get_close_matches(word.partition("_")[2], ends, n=1, cutoff=0.8)
    return ends[close[0]] if close else None
