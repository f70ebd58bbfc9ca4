"""Replies on disk as they come, one JSON line each: what is scored again, and where an eval resumes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pytest_llmbench.errors import StorageError
from pytest_llmbench.evals.data import read_rows
from pytest_llmbench.files import first_mistake, json_text, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Replies", "RepliesHead", "Reply", "ReplyWriter", "read_replies"]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RepliesHead(_Line):
    """The first line: what was asked of whom."""

    kind: Literal["eval"] = "eval"
    name: str
    eval: str
    """Where its class is: `module:name`."""
    settings: dict[str, Any] = {}
    """What it was made with."""
    scorer: str
    cell: str
    digest: str
    """Of all that a reply depends on: the data, sampling, the deployment and the server's version."""
    prompts: int
    """How many were to be asked."""


class Reply(_Line):
    """What came of one prompt."""

    kind: Literal["reply"] = "reply"
    key: str
    prompt: str
    row: dict[str, Any]
    answer: str
    """What is scored: the reply without its thinking."""
    thinking: str = ""
    finish: str | None = None
    """`length` of a reply that was cut off."""
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    resumed: bool = False
    """It was taken over from an earlier session."""

    @property
    def truncated(self) -> bool:
        """It was cut off."""
        return self.finish == "length"


class ReplyWriter:
    """Appends to a new file; every line is in the file when `write` returns."""

    def __init__(self, path: Path, head: RepliesHead) -> None:
        """Create the file; a `StorageError` names it."""
        make_folder(path.parent)
        self.path = path
        try:
            self._file = path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._trouble(error) from error
        self._write(head)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, replies: Iterable[Reply]) -> None:
        """Add replies."""
        for reply in replies:
            self._write(reply)

    def _write(self, line: RepliesHead | Reply) -> None:
        try:
            self._file.write(json_text(line.model_dump(mode="json")))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._trouble(error) from error

    def _trouble(self, error: OSError) -> StorageError:
        return StorageError(f"cannot write replies: {error.strerror or error}", file=self.path)


class Replies(_Line):
    """A whole file."""

    head: RepliesHead
    replies: tuple[Reply, ...]

    @property
    def complete(self) -> bool:
        """Every prompt has its reply."""
        return len(self.replies) == self.head.prompts


def read_replies(path: Path) -> Replies:
    """Read a file of replies; a `StorageError` names it, and the line that is wrong.

    A last line that was being written when the session was killed is left out.
    """
    rows = read_rows(path, torn=True)
    try:
        head = RepliesHead.model_validate(rows[0] if rows else {})
        return Replies(head=head, replies=tuple(Reply.model_validate(row) for row in rows[1:]))
    except ValidationError as error:
        message = f"holds no replies of an eval: {first_mistake(error)}"
        raise StorageError(message, file=path) from error
