"""Prompts: as long as asked, as different as asked, and the same again for the same salt."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.errors import UsageError
from pytest_llmbench.spec.workload import Workload
from pytest_llmbench.workloads.prompts import make_prompts

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATE = 7


def _tokenizer(*costs: int) -> Callable[[str], int]:
    """Make a tokenizer that gives each word one of these numbers of tokens, and a template its own."""
    return lambda text: TEMPLATE + sum(costs[zlib.crc32(w.encode()) % len(costs)] for w in text.split())


def _exact(length: int, **more: object) -> Workload:
    return Workload.model_validate({"id": "w", "in": length, "out": 8, **more})


def _texts(*prompts: str) -> Workload:
    return Workload.model_validate({"id": "w", "prompts": prompts, "out": 8})


def _unknown(_: str) -> None:
    return None


@given(
    length=st.integers(TEMPLATE + 4, 400),
    costs=st.lists(st.integers(1, 3), max_size=2).map(lambda costs: [1, 2, *costs]),
    salt=st.text(max_size=5),
)
def test_exact_length(length: int, costs: list[int], salt: str) -> None:
    """A prompt has exactly the asked tokens, its template included, for words of one to three tokens."""
    count = _tokenizer(*costs)
    assert [count(text) for text in make_prompts(_exact(length), 3, salt=salt, count_tokens=count)] == [
        length
    ] * 3


@pytest.mark.parametrize("cost", [2, 3, 5])
@pytest.mark.parametrize("length", [10, 64, 257, 1024])
def test_length_that_cannot_be_met(cost: int, length: int) -> None:
    """Where no sum of words gives the length, the closest is taken."""
    count = _tokenizer(cost)
    for text in make_prompts(_exact(length), 2, salt="", count_tokens=count):
        assert abs(count(text) - length) <= cost // 2


def test_same_salt_same_prompts() -> None:
    """Prompts depend on workload, seed and salt, and on nothing else."""
    count = _tokenizer(1, 2)

    def prompts(salt: str, **more: object) -> list[str]:
        return make_prompts(_exact(50, **more), 5, salt=salt, count_tokens=count)

    assert prompts("a") == prompts("a")
    others = [prompts("a"), prompts("b"), prompts("a", seed=1), prompts("a", id="v")]
    assert len({text for texts in others for text in texts}) == 20


@pytest.mark.parametrize("length", [TEMPLATE + 2, 30])
def test_no_two_alike(length: int) -> None:
    """No prompt is sent twice in a run, not even a very short one."""
    prompts = make_prompts(_exact(length), 3000, salt="", count_tokens=_tokenizer(1, 1, 1, 2))
    assert len(set(prompts)) == 3000


def test_texts_are_taken_in_turn_behind_a_salt() -> None:
    """Given texts come in turn, each behind words that no other request has."""
    prompts = make_prompts(_texts("What?", "Why?"), 3000, salt="", count_tokens=_unknown)
    assert [text.partition(". ")[2] for text in prompts] == ["What?", "Why?"] * 1500
    assert len(set(prompts)) == 3000
    assert all(text[0].isupper() and len(text.partition(".")[0].split()) == 2 for text in prompts)


def test_server_that_cannot_count() -> None:
    """Without a way to count, a prompt has as many words as tokens were asked for."""
    (prompt,) = make_prompts(_exact(50), 1, salt="", count_tokens=_unknown)
    assert len(prompt.split()) == 50


def test_server_that_stops_counting() -> None:
    """A server that counts no more ends the corrections with what there is."""
    answers = iter([TEMPLATE, 60])
    (prompt,) = make_prompts(_exact(50), 1, salt="", count_tokens=lambda _: next(answers, None))
    assert 20 < len(prompt.split()) <= 50


def test_too_short() -> None:
    """A length that the template alone fills is refused, with the least that works."""
    with pytest.raises(UsageError) as caught:
        make_prompts(_exact(TEMPLATE + 1), 1, salt="", count_tokens=_tokenizer(1))
    assert str(caught.value) == (
        "workload w: 'in: 8' is too short: the chat template alone is 7 tokens here;"
        " ask for 9 or use 'endpoint: completions'"
    )
    assert make_prompts(_exact(TEMPLATE + 2), 1, salt="", count_tokens=_tokenizer(1))


def test_none_asked() -> None:
    """No requests need no prompts."""
    assert make_prompts(_exact(50), 0, salt="", count_tokens=_tokenizer(1)) == []
