from __future__ import annotations

from pytest_llmbench.evals import EVALS
from pytest_llmbench.evals.base import digest_of, key_of, settings_of
from pytest_llmbench.evals.gsm8k.task import GSM8K


def test_a_row_without_a_key_is_named_by_its_place() -> None:
    """Keys are texts, whatever the data has."""
    assert (key_of({"key": 1000}, 3), key_of({}, 3)) == ("1000", "3")


def test_what_an_eval_was_made_with_is_known() -> None:
    """But not its private parts, nor what every eval has."""
    assert settings_of(GSM8K(shots=3, style="cot")) == {"shots": 3, "cot": True}
    assert digest_of({"a": [1, None]}) == digest_of({"b": None, "a": (1, None)})


def test_evals_go_by_their_names() -> None:
    """The name that finds one is the name that its results have."""
    assert {name: make().name for name, make in EVALS.items()} == {name: name for name in EVALS}
