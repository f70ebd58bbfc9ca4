"""A reply, and what checkers want to know of it, found out once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_llmbench.evals.ifeval.language import detect_language

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from pytest_llmbench.evals.ifeval.sentences import Punkt

__all__ = ["Check", "Reading", "holds", "pattern"]


@dataclass
class Reading:
    """A text under a checker's eyes; `punkt` is None where its data is missing."""

    text: str
    punkt: Punkt | None = None

    @cached_property
    def stripped(self) -> str:
        """The text without white space around it."""
        return self.text.strip()

    @cached_property
    def language(self) -> str | None:
        """ISO 639-1 code of the language it is most likely in; None if it holds nothing to tell by."""
        return detect_language(self.text)

    @cached_property
    def sentences(self) -> list[str] | None:
        """Its sentences; None if nobody can say."""
        return self.punkt.sentences(self.text) if self.punkt else None


if TYPE_CHECKING:
    Check = Callable[[Reading, Mapping[str, Any]], bool | None]
    """Says whether a text follows an instruction with these arguments; None: cannot be said here."""


def holds(count: int, relation: str, bound: int) -> bool:
    """Whether a count is `less than` a bound, or `at least` it.

    Raises:
        ValueError: for any other relation; there is none in the data.
    """
    if relation == "less than":
        return count < bound
    if relation == "at least":
        return count >= bound
    message = f"relation: expected 'less than' or 'at least', not {relation!r}"
    raise ValueError(message)


def pattern(text: str, before: str = "", after: str = "") -> re.Pattern[str]:
    """Compile a keyword, ignoring case.

    Keywords are regular expressions by the definition; one that is none is taken literally.
    """
    try:
        return re.compile(f"{before}{text}{after}", re.IGNORECASE)
    except re.error:
        return re.compile(f"{before}{re.escape(text)}{after}", re.IGNORECASE)
