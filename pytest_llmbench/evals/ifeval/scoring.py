"""Scoring one reply to one prompt of IFEval, strictly and loosely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.evals.ifeval.keywords import KEYWORDS
from pytest_llmbench.evals.ifeval.layout import LAYOUT
from pytest_llmbench.evals.ifeval.lengths import LENGTHS
from pytest_llmbench.evals.ifeval.reading import Reading
from pytest_llmbench.evals.ifeval.sentences import find_punkt
from pytest_llmbench.evals.ifeval.wholes import WHOLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_llmbench.evals.ifeval.reading import Check

__all__ = ["INSTRUCTIONS", "SCORER", "ReplyScore", "score_reply"]

SCORER = "llmbench-ifeval 1"
"""Name and version of this scorer; raised when a reply would get another verdict."""

INSTRUCTIONS: dict[str, Check] = {**KEYWORDS, **LAYOUT, **LENGTHS, **WHOLES}
"""Instruction type to its checker: all 25."""


@dataclass(frozen=True, slots=True)
class ReplyScore:
    """The verdicts on a reply, one an instruction in the order of the row; None: could not be scored here."""

    strict: list[bool | None]
    loose: list[bool | None]

    @property
    def prompt_strict(self) -> bool | None:
        """Whether every instruction was followed, strictly; None if any could not be scored."""
        return _all(self.strict)

    @property
    def prompt_loose(self) -> bool | None:
        """Likewise, loosely."""
        return _all(self.loose)


def score_reply(row: Mapping[str, Any], reply: str, *, nltk_data: Path | None = None) -> ReplyScore:
    """Score a reply to `row`, which has `instruction_id_list` and `kwargs` as IFEval's data has them.

    Strict looks at the reply as it is. Loose is content if any of eight texts follows the instruction: the
    reply as it is, without its first line, its last line, or both; and each of these without asterisks. An
    empty text follows nothing. Punkt's data is looked for in `nltk_data` first, then where NLTK looks;
    without it, instructions that count sentences have no verdict.

    Raises:
        UsageError: the row asks for an instruction that does not exist, or lacks an argument.
        Unavailable: the packages of the `evals` extra are not installed.
    """
    punkt = find_punkt(nltk_data)
    readings = [Reading(text, punkt) for text in _variants(reply)]
    pairs = list(zip(row["instruction_id_list"], row["kwargs"], strict=True))
    verdicts = [_verdicts(name, wanted, readings, row) for name, wanted in pairs]
    return ReplyScore([strict for strict, _ in verdicts], [loose for _, loose in verdicts])


def _variants(reply: str) -> list[str]:
    """List the texts that loose scoring looks at, each once, the reply itself first."""
    lines = reply.split("\n")
    cut = [reply, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return list(dict.fromkeys([*cut, *(text.replace("*", "") for text in cut)]))


def _verdicts(
    name: str, wanted: Mapping[str, Any], readings: Iterable[Reading], row: Mapping[str, Any]
) -> tuple[bool | None, bool | None]:
    if name not in INSTRUCTIONS:
        hint = nearest(name, INSTRUCTIONS)
        message = f"IFEval prompt {row.get('key')}: unknown instruction {name!r}: {hint}"
        raise UsageError(message)
    check = INSTRUCTIONS[name]
    found: list[bool | None] = []
    try:
        for reading in readings:
            found.append(check(reading, wanted) if reading.stripped else False)
            if found[-1]:
                break
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        message = f"IFEval prompt {row.get('key')}: {name} cannot be checked with {dict(wanted)}: {error!r}"
        raise UsageError(message) from error
    return found[0], _any(found)


def _any(verdicts: Iterable[bool | None]) -> bool | None:
    found = set(verdicts)
    return True if True in found else None if None in found else False


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    found = set(verdicts)
    return None if None in found else False not in found
