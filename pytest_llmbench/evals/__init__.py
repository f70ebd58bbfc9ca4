"""Evaluating what a server answers: IFEval, GSM8K, and what compares two sets of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.evals.base import Eval

__all__ = ["EVALS"]


def _ifeval() -> Eval:
    from pytest_llmbench.evals.ifeval.task import IFEval  # noqa: PLC0415 - heavier than this package

    return IFEval()


def _gsm8k() -> Eval:
    from pytest_llmbench.evals.gsm8k.task import GSM8K  # noqa: PLC0415 - likewise

    return GSM8K()


def _gsm8k_cot() -> Eval:
    from pytest_llmbench.evals.gsm8k.task import GSM8K  # noqa: PLC0415 - likewise

    return GSM8K(style="cot")


EVALS: dict[str, Callable[[], Eval]] = {"ifeval": _ifeval, "gsm8k": _gsm8k, "gsm8k-cot": _gsm8k_cot}
"""The evals that come with the package, by name."""
