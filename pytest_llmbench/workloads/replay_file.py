"""Reading what a server was once asked: files with one request a line, as JSON.

Two formats, told apart by the names of their keys, and never mixed in a file:

    {"timestamp": 1.25, "input_tokens": 512, "output_tokens": 64}                    ours: seconds
    {"timestamp": 1250, "input_length": 512, "output_length": 64, "hash_ids": [0]}   Mooncake: milliseconds

Lines are in order of time, and times count from that of the first line. In either, `hash_ids` may name the
blocks of a prompt: equal ids are equal text, so that prompts share prefixes as they once did. In Mooncake's
published traces a block has 512 tokens and the last of a prompt may be shorter.
"""

from __future__ import annotations

import json
import math
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmbench.errors import ConfigError, StorageError, UsageError, nearest
from pytest_llmbench.workloads.arrivals import MAX_ARRIVALS
from pytest_llmbench.workloads.replay import BLOCK_TOKENS, Replay, ReplayRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_llmbench.workloads.replay import ReplayFormat

__all__ = ["parse_replay", "read_replay"]

_NS = 1_000_000_000
_EXAMPLE = '{"timestamp": 0, "input_tokens": 512, "output_tokens": 64}'
_SHOWN = 40


class _Keys(NamedTuple):
    input: str
    output: str
    per_second: int


_FORMATS: Mapping[ReplayFormat, _Keys] = MappingProxyType(
    {
        "llmbench": _Keys("input_tokens", "output_tokens", 1),
        "mooncake": _Keys("input_length", "output_length", 1000),
    }
)


def read_replay(path: Path, *, name: str | None = None, speed: float = 1.0) -> Replay:
    """Read a file; `name` is what messages call it. See `parse_replay`.

    Raises:
        StorageError: the file cannot be read.
        ConfigError: naming file, line and key of the first mistake.
        UsageError: `speed` makes no sense.
    """
    called = name or str(path)
    try:
        with path.open(encoding="utf-8") as lines:
            return parse_replay(lines, name=called, speed=speed)
    except OSError as error:
        raise StorageError(error.strerror or str(error), file=called) from error
    except UnicodeDecodeError as error:
        message = "is not a text file in UTF-8"
        raise ConfigError(message, file=called) from error


def parse_replay(lines: Iterable[str], *, name: str, speed: float = 1.0) -> Replay:
    """Read lines, as many as a run may have; blank ones count for nothing.

    `speed` 2 replays in half the time.

    Raises:
        ConfigError: naming file, line and key of the first mistake.
        UsageError: `speed` makes no sense.
    """
    if not (math.isfinite(speed) and speed > 0):
        message = f"the speed of a replay must be more than 0, not {speed:g}"
        raise UsageError(message)
    reader = _Reader(name, speed)
    requests = tuple(islice(reader.requests(lines), MAX_ARRIVALS))
    if reader.format is None:
        message = "holds no request"
        raise ConfigError(message, file=name)
    return Replay(name, reader.format, speed, requests)


class _Reader:
    """Knows of the lines read so far what the next one must agree with."""

    def __init__(self, name: str, speed: float) -> None:
        self._name, self._speed = name, speed
        self.format: ReplayFormat | None = None
        self._first: float | None = None
        self._latest, self._latest_line = -math.inf, 0
        self._line = 0

    def requests(self, lines: Iterable[str]) -> Iterator[ReplayRequest]:
        for self._line, line in enumerate(lines, 1):
            text = line.strip().removeprefix("\ufeff")
            if text:
                yield self._request(text)

    def _request(self, text: str) -> ReplayRequest:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            message = f"is not JSON: {getattr(error, 'msg', error)}"
            raise self._error(message) from error
        if not isinstance(row, dict):
            message = f"must be an object, as in {_EXAMPLE}"
            raise self._error(message)
        if self.format is None:
            self.format = self._format(row)
        keys = _FORMATS[self.format]
        self._check_keys(row, keys)
        time = self._time(row)
        self._first = time if self._first is None else self._first
        tokens = self._tokens(row, keys.input)
        offset = round((time - self._first) * _NS / keys.per_second / self._speed)
        return ReplayRequest(offset, tokens, self._tokens(row, keys.output), self._blocks(row, tokens))

    def _format(self, row: Mapping[str, object]) -> ReplayFormat:
        for name, keys in _FORMATS.items():
            if keys.input in row or keys.output in row:
                return name
        lengths = [key for keys in _FORMATS.values() for key in (keys.input, keys.output)]
        near = next((key for key in row if "did you mean" in nearest(key, lengths)), None)
        if near is not None:
            message = f"unknown key; {nearest(near, lengths)}"
            raise self._error(message, near)
        message = "has neither input_tokens (seconds) nor input_length (Mooncake, milliseconds)"
        raise self._error(message)

    def _check_keys(self, row: Mapping[str, object], keys: _Keys) -> None:
        known = ("timestamp", keys.input, keys.output, "hash_ids")
        for key in row:
            if key not in known:
                others = {name for other in _FORMATS.values() for name in other[:2]}
                message = (
                    f"belongs to another format than {keys.input}, which decides the unit of time"
                    if key in others
                    else f"unknown key; {nearest(key, known)}"
                )
                raise self._error(message, key)
        for key in known[:3]:
            if key not in row:
                message = "is missing"
                raise self._error(message, key)

    def _time(self, row: Mapping[str, object]) -> float:
        given = row["timestamp"]
        if isinstance(given, bool) or not isinstance(given, (int, float)) or not _is_finite(given):
            message = f"must be a number, not {_shown(given)}"
            raise self._error(message, "timestamp")
        if given < self._latest:
            message = f"{given:g} is before {self._latest:g} on line {self._latest_line}; sort the file by it"
            raise self._error(message, "timestamp")
        self._latest, self._latest_line = given, self._line
        return given

    def _tokens(self, row: Mapping[str, object], key: str) -> int:
        given = row[key]
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            message = f"must be a whole number of tokens, at least 1, not {_shown(given)}"
            raise self._error(message, key)
        return given

    def _blocks(self, row: Mapping[str, object], tokens: int) -> tuple[int, ...]:
        given = row.get("hash_ids")
        if given is None:
            return ()
        if not isinstance(given, list) or any(isinstance(i, bool) or not isinstance(i, int) for i in given):
            message = f"must be a list of whole numbers, not {_shown(given)}"
            raise self._error(message, "hash_ids")
        needed = -(-tokens // BLOCK_TOKENS)
        if len(given) > needed:
            message = f"names {len(given)} blocks, but {tokens} tokens fill only {needed} of {BLOCK_TOKENS}"
            raise self._error(message, "hash_ids")
        return tuple(given)

    def _error(self, message: str, key: str | None = None) -> ConfigError:
        return ConfigError(message, file=self._name, line=self._line, key=key)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no float holds
        return False


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
