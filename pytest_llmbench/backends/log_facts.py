"""Facts that an engine tells only in its log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.runtimes.server import FactValue

__all__ = ["LogFact", "read_log_facts"]

_FALLBACK = re.compile(r"\b(?:fall(?:s|ing)?[ -]?back|fell back)\b", re.IGNORECASE)
_SAID_BY = re.compile(r"^(?:\([^)]*pid=\d+\) )?(?:[A-Z]+ [\d-]+ [\d:]+ \[[^\]]*\] |\[[\d :-]+[^\]]*\] )?")
_MOST_FALLBACKS = 3
_BYTES = {"MiB": 1 << 20, "GiB": 1 << 30}


@dataclass(frozen=True, slots=True)
class LogFact:
    """One fact: the first group of the pattern, in the first line that matches.

    `unit` says how to read it: as text, as an integer with thousands separated by commas, or as so many MiB
    or GiB, which become bytes.
    """

    name: str
    pattern: str
    unit: Literal["text", "int", "MiB", "GiB"] = "text"

    def find(self, log: Iterable[str]) -> FactValue:
        """Return the value; None if no line tells it."""
        for line in log:
            match = re.search(self.pattern, line)
            if match is not None:
                match self.unit:
                    case "int":
                        return int(match[1].replace(",", ""))
                    case "MiB" | "GiB":
                        return round(float(match[1]) * _BYTES[self.unit])
                return match[1]
        return None


def read_log_facts(log: Sequence[str], wanted: Iterable[LogFact]) -> dict[str, FactValue]:
    """Return what the lines of a log tell, the first way to tell a fact that matches, and `fallbacks`.

    These are the lines in which the engine says that it does something in another way than it would like, at
    most three, joined by ` | `.
    """
    facts: dict[str, FactValue] = {}
    for fact in wanted:
        if fact.name not in facts and (value := fact.find(log)) is not None:
            facts[fact.name] = value
    fallbacks = dict.fromkeys(_SAID_BY.sub("", line).strip() for line in log if _FALLBACK.search(line))
    if fallbacks:
        facts["fallbacks"] = " | ".join(list(fallbacks)[:_MOST_FALLBACKS])
    return facts
