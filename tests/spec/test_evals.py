from __future__ import annotations

import pytest
from pydantic import ValidationError

from pytest_llmbench.spec.evals import EvalSettings


def test_greedy_and_sixteen_streams_unless_told_otherwise() -> None:
    """What holds without an `eval:` section."""
    usual = EvalSettings()
    assert (usual.policy, usual.concurrency, usual.sampling, usual.floor) == (
        "highest-and-median-concurrency",
        (16,),
        {},
        {},
    )


def test_one_number_of_streams_needs_no_brackets() -> None:
    """As elsewhere."""
    assert EvalSettings.model_validate({"concurrency": 4}).concurrency == (4,)


@pytest.mark.parametrize("floor", [{"gsm8k": 0.5}, {"gsm8k.": 0.5}, {"gsm8k.strict": True}, {"a.b": -0.1}])
def test_a_floor_is_a_share_of_a_score(floor: dict[str, object]) -> None:
    """Of one eval."""
    with pytest.raises(ValidationError, match=r"names no score|a share from 0 to 1"):
        EvalSettings.model_validate({"floor": floor})
