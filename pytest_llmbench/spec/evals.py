"""What a configuration says about evals."""

# No `from __future__ import annotations`: pydantic needs these annotations when the class is made.

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from pytest_llmbench.spec.base import Spec
from pytest_llmbench.spec.workload import Endpoint

__all__ = ["EvalSettings", "Policy"]

Policy = Literal["highest-and-median-concurrency", "highest-and-lowest-tp", "all"]


def _listed(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


def _score(name: str, floor: object) -> None:
    eval_, dot, score = name.partition(".")
    if not (eval_ and dot and score):
        message = f"{name!r} names no score: write EVAL.SCORE, as in gsm8k.strict"
        raise ValueError(message)
    if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor <= 1:
        message = f"{name}: a floor is a share from 0 to 1, not {floor!r}"
        raise ValueError(message)


def _floors(value: object) -> object:
    if isinstance(value, dict):
        for name, floor in value.items():
            _score(str(name), floor)
    return value


class EvalSettings(Spec):
    """Which servers are evaluated, with how many streams, how they are asked, and what they must reach.

    `sampling` are fields of every request, in the words of the API; without it, decoding is greedy.
    """

    model_config = ConfigDict(populate_by_name=False)

    policy: Policy = "highest-and-median-concurrency"
    concurrency: Annotated[
        tuple[Annotated[int, Field(ge=1, strict=True)], ...], Field(min_length=1), BeforeValidator(_listed)
    ] = (16,)
    max_tokens: Annotated[int, Field(ge=1, strict=True)] | None = None
    endpoint: Endpoint = "chat"
    sampling: dict[str, bool | int | float | str] = Field(default_factory=dict)
    floor: Annotated[dict[str, float], BeforeValidator(_floors)] = Field(default_factory=dict)
