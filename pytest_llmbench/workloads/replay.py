"""Replaying what a server was once asked: files with one request a line, as JSON.

Two formats, told apart by the names of their keys, and never mixed in a file:

    {"timestamp": 1.25, "input_tokens": 512, "output_tokens": 64}                    ours: seconds
    {"timestamp": 1250, "input_length": 512, "output_length": 64, "hash_ids": [0]}   Mooncake: milliseconds

Lines are in order of time, and times count from that of the first line. In either, `hash_ids` may name the
blocks of a prompt: equal ids are equal text, so that prompts share prefixes as they once did. In Mooncake's
published traces a block has 512 tokens and the last of a prompt may be shorter.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from pytest_llmbench.errors import ConfigError, StorageError, UsageError, nearest
from pytest_llmbench.workloads.arrivals import MAX_ARRIVALS, Arrivals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["BLOCK_TOKENS", "Replay", "ReplayFormat", "ReplayRequest", "parse_replay", "read_replay"]

ReplayFormat = Literal["llmbench", "mooncake"]

BLOCK_TOKENS = 512
"""Tokens a hash id stands for in Mooncake's published traces."""

_NS = 1_000_000_000
_NOT_IN_IDS = re.compile(r"[^\w.-]+")
_EXAMPLE = '{"timestamp": 0, "input_tokens": 512, "output_tokens": 64}'


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


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """One line of the file.

    Attributes:
        offset: ns from the first request, at the speed of the replay.
        input_tokens: length of the prompt.
        output_tokens: length of the answer.
        blocks: ids of the prompt's blocks from its start; equal ids are equal text.
        block_tokens: length of a block; the last one ends with the prompt.
    """

    offset: int
    input_tokens: int
    output_tokens: int
    blocks: tuple[int, ...] = ()
    block_tokens: int = BLOCK_TOKENS

    @property
    def parts(self) -> tuple[tuple[int | None, int], ...]:
        """What the prompt is made of: (block id, tokens), with id None for text that no other prompt has.

        A prompt made part by part, the text of a block drawn from its id alone, shares with every other
        prompt exactly the prefix that the recorded ones shared.
        """
        left = self.input_tokens
        parts: list[tuple[int | None, int]] = []
        for block in self.blocks:
            parts.append((block, min(self.block_tokens, left)))
            left -= parts[-1][1]
        return (*parts, (None, left)) if left else tuple(parts)


@dataclass(frozen=True, slots=True)
class Replay:
    """Recorded requests, and when to send them."""

    file: str
    format: ReplayFormat
    speed: float
    requests: tuple[ReplayRequest, ...] = field(repr=False)

    kind: ClassVar = "replay"

    @property
    def name(self) -> str:
        """The file's name without its ending, for ids."""
        return _NOT_IN_IDS.sub("-", Path(self.file).stem)

    @property
    def id(self) -> str:
        """The load's part of a cell: `replay.monday`, `replay.monday.x2` at twice the speed."""
        return f"replay.{self.name}" + (f".x{self.speed:g}" if self.speed != 1 else "")

    def first(self, *, count: int | None = None, seconds: float | None = None) -> Replay:
        """Leave out requests after the first `count`, and those due after so many `seconds`.

        Raises:
            UsageError: a limit that leaves nothing makes no sense.
        """
        if count is not None and count < 1:
            message = f"the limit of a replay must be at least 1, not {count}"
            raise UsageError(message)
        kept = self.requests[:count]
        if seconds is not None:
            kept = tuple(request for request in kept if request.offset < seconds * _NS)
        return replace(self, requests=kept)

    def draw(self, **_: object) -> Arrivals:
        """Return the schedule; nothing of it is left to chance, or to be said."""
        return self.arrivals

    @property
    def arrivals(self) -> Arrivals:
        """The schedule, in the form all load shapes have."""
        parameters: dict[str, float | int | str] = {
            "file": Path(self.file).name,
            "format": self.format,
            "speed": self.speed,
            "count": len(self.requests),
            "digest": self._digest(),
        }
        return Arrivals("replay", parameters, tuple(request.offset for request in self.requests))

    def _digest(self) -> str:
        """Identify what is sent and when: files of one name need not be the same."""
        rows = [(r.offset, r.input_tokens, r.output_tokens, r.blocks, r.block_tokens) for r in self.requests]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]


def read_replay(
    path: Path,
    *,
    name: str | None = None,
    speed: float = 1.0,
    limit: int | None = None,
    block_tokens: int = BLOCK_TOKENS,
) -> Replay:
    """Read a file; `name` is what messages call it. See `parse_replay`.

    Raises:
        StorageError: the file cannot be read.
        ConfigError: naming file, line and key of the first mistake.
        UsageError: `speed`, `limit` or `block_tokens` make no sense.
    """
    called = name or str(path)
    try:
        with path.open(encoding="utf-8") as lines:
            return parse_replay(lines, name=called, speed=speed, limit=limit, block_tokens=block_tokens)
    except OSError as error:
        raise StorageError(error.strerror or str(error), file=called) from error
    except UnicodeDecodeError as error:
        message = "is not a text file in UTF-8"
        raise ConfigError(message, file=called) from error


def parse_replay(
    lines: Iterable[str],
    *,
    name: str,
    speed: float = 1.0,
    limit: int | None = None,
    block_tokens: int = BLOCK_TOKENS,
) -> Replay:
    """Read lines, the first `limit` requests of them; blank lines count for nothing.

    `speed` 2 replays in half the time. Lines after the limit are not looked at.

    Raises:
        ConfigError: naming file, line and key of the first mistake.
        UsageError: `speed`, `limit` or `block_tokens` make no sense.
    """
    if not (math.isfinite(speed) and speed > 0):
        message = f"the speed of a replay must be more than 0, not {speed:g}"
        raise UsageError(message)
    for what, value in (("limit", limit), ("block length", block_tokens)):
        if value is not None and value < 1:
            message = f"the {what} of a replay must be at least 1, not {value}"
            raise UsageError(message)
    reader = _Reader(name, speed, block_tokens)
    most = min(limit or MAX_ARRIVALS, MAX_ARRIVALS)
    requests: list[ReplayRequest] = []
    for request in reader.requests(lines):
        requests.append(request)
        if len(requests) == most:
            break
    if reader.format is None:
        message = "holds no request"
        raise ConfigError(message, file=name)
    return Replay(name, reader.format, speed, tuple(requests))


class _Reader:
    """Knows of the lines read so far what the next one must agree with."""

    def __init__(self, name: str, speed: float, block_tokens: int) -> None:
        self._name, self._speed, self._block_tokens = name, speed, block_tokens
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
        return ReplayRequest(
            offset, tokens, self._tokens(row, keys.output), self._blocks(row, tokens), self._block_tokens
        )

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
        needed = -(-tokens // self._block_tokens)
        if len(given) > needed:
            message = (
                f"names {len(given)} blocks, but {tokens} tokens fill only {needed} of {self._block_tokens}"
            )
            raise self._error(message, "hash_ids")
        return tuple(given)

    def _error(self, message: str, key: str | None = None) -> ConfigError:
        return ConfigError(message, file=self._name, line=self._line, key=key)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no float holds
        return False


_SHOWN = 40


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
