"""What a server was once asked, to be asked again: recorded requests, and when to send them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from pytest_llmbench.errors import UsageError
from pytest_llmbench.workloads.arrivals import Arrivals

__all__ = ["BLOCK_TOKENS", "Replay", "ReplayFormat", "ReplayRequest"]

ReplayFormat = Literal["llmbench", "mooncake"]

BLOCK_TOKENS = 512
"""Tokens of a block, as in Mooncake's published traces."""

_NS = 1_000_000_000
_NOT_IN_IDS = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """One line of the file.

    Attributes:
        offset: ns from the first request, at the speed of the replay.
        input_tokens: length of the prompt.
        output_tokens: length of the answer.
        blocks: ids of the prompt's blocks from its start; equal ids are equal text. The last one ends with
            the prompt.
    """

    offset: int
    input_tokens: int
    output_tokens: int
    blocks: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[tuple[int | None, int], ...]:
        """What the prompt is made of: (block id, tokens), with id None for text that no other prompt has.

        A prompt made part by part, the text of a block drawn from its id alone, shares with every other
        prompt exactly the prefix that the recorded ones shared.
        """
        left = self.input_tokens
        parts: list[tuple[int | None, int]] = []
        for block in self.blocks:
            parts.append((block, min(BLOCK_TOKENS, left)))
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
        rows = [(r.offset, r.input_tokens, r.output_tokens, r.blocks, BLOCK_TOKENS) for r in self.requests]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]
