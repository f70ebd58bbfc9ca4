"""What an eval is: rows, the prompt of a row, the score of a reply. One class a file behind `Eval`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pytest_llmbench.evals.data import EvalData
    from pytest_llmbench.records import Scalar

__all__ = ["Eval", "Row", "Verdict", "digest_of", "key_of", "settings_of"]

Row = Mapping[str, Any]
"""One item of the data, JSON throughout. `key` names it; without one it is named by its place."""

Verdict = bool | None | Sequence[bool | None]
"""Whether a reply passed, or each of several parts of it; None: it cannot be told here."""


class Eval(Protocol):
    """An eval; its properties are plain attributes of a class.

    An eval whose verdicts may be None says in an attribute `unscored` what would change that. Attributes it
    was made with (`shots = 5`) are stored with its results, unless they begin with an underscore.
    """

    @property
    def name(self) -> str:
        """What results and tests call it."""

    @property
    def scorer(self) -> str:
        """Name and version of the scoring, raised when a reply would get another verdict."""

    @property
    def max_tokens(self) -> int:
        """How long a reply may be, thinking included."""

    @property
    def stop(self) -> tuple[str, ...]:
        """Texts that end a reply."""

    def rows(self, data: EvalData) -> Sequence[Row]:
        """Return the data, always in the same order; `data` finds files and fetches them.

        Raises:
            Unavailable: it is not here and cannot be fetched.
        """

    def prompt(self, row: Row) -> str:
        """Return what the model is asked: one user message, or the text that a base model is to continue."""

    def score(self, row: Row, reply: str) -> Mapping[str, Verdict]:
        """Judge a reply, its thinking removed: score name to verdict, the same names for every reply.

        Scores with one verdict a prompt are those that are compared with a baseline.
        """


def key_of(row: Row, place: int) -> str:
    """Name a row."""
    return str(row.get("key", place))


def settings_of(eval_: Eval) -> dict[str, Scalar]:
    """Return what an eval was made with: its own attributes that are no part of what every eval has."""
    known = {"name", "scorer", "max_tokens", "stop", "unscored"}
    return {
        name: value
        for name, value in vars(eval_).items()
        if not name.startswith("_") and name not in known and isinstance(value, str | int | float | bool)
    }


def digest_of(value: object) -> str:
    """Return the SHA-256 of anything JSON, whatever the order of its keys; nulls are as good as absent."""
    return hashlib.sha256(json.dumps(_without_nulls(value), sort_keys=True).encode()).hexdigest()


def _without_nulls(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _without_nulls(part) for key, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(part) for part in value]
    return value
