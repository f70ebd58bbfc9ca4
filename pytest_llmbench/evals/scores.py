"""From verdicts to scores, each with its uncertainty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.baselines.distributions import wilson
from pytest_llmbench.records import ScoreRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.evals.base import Verdict

__all__ = ["marks_of", "scores_of"]

_MARKS = {True: "+", False: "-", None: "?"}


def scores_of(verdicts: Sequence[Mapping[str, Verdict]]) -> dict[str, ScoreRecord]:
    """Count what passed, by score; what could not be told counts in neither number."""
    names = verdicts[0] if verdicts else {}
    return {name: _score([_items(found[name]) for found in verdicts]) for name in names}


def _items(verdict: Verdict) -> Sequence[bool | None]:
    return [verdict] if verdict is None or isinstance(verdict, bool) else verdict


def _score(found: Sequence[Sequence[bool | None]]) -> ScoreRecord:
    items = [verdict for prompt in found for verdict in prompt]
    told = [verdict for verdict in items if verdict is not None]
    low, high = wilson(sum(told), len(told))
    return ScoreRecord(
        mean=sum(told) / len(told) if told else None,
        passed=sum(told),
        scored=len(told),
        unscored=len(items) - len(told),
        low=low,
        high=high,
    )


def marks_of(verdicts: Mapping[str, Mapping[str, Verdict]]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Write down each prompt's verdicts, for comparing: (score names, key to a mark a score).

    `+` passed, `-` failed, `?` could not be told. Only scores with one verdict a prompt have marks.
    """
    first: Mapping[str, Verdict] = next(iter(verdicts.values()), {})
    names = tuple(name for name, verdict in first.items() if verdict is None or isinstance(verdict, bool))
    return names, {
        key: "".join(_MARKS[_single(found[name])] for name in names) for key, found in verdicts.items()
    }


def _single(verdict: Verdict) -> bool | None:
    return verdict if verdict is None or isinstance(verdict, bool) else all(verdict)
