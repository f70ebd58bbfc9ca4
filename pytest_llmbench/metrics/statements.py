"""What options say of one statistic: `ttft.p50:10%` is a limit, `ttft.p99=500ms` a service level."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_llmbench.errors import UsageError
from pytest_llmbench.metrics.registry import metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.metrics.registry import Metric

__all__ = ["Statement", "read_statement"]


class Statement(NamedTuple):
    """One statement, its amount not read yet; `where` begins every message about it."""

    metric: Metric
    stat: str | None
    amount: str
    where: str


def read_statement(
    part: str, text: str, *, kind: str, sign: str, form: str, problem: Callable[[Metric, str], str]
) -> Statement:
    """Read `METRIC[.STATISTIC]<sign>AMOUNT`, one `part` of the `text` of an option.

    `kind` is what it is called and `form` what was expected. `problem` says what is wrong with saying this of
    a metric's statistic, or nothing.

    Raises:
        UsageError: it has another form, there is no such metric, or there is a problem.
    """
    where = f"{kind} {part!r}" if part == text.strip() else f"{kind} {part!r} in {text!r}"
    name, found, amount = (piece.strip() for piece in part.partition(sign))
    if not name or not found or not amount:
        message = f"{where}: {form}"
        raise UsageError(message)
    metric_name, _, stat = name.partition(".")
    try:
        known = metric(metric_name)
    except UsageError as error:
        message = f"{where}: {error}"
        raise UsageError(message) from None
    if wrong := problem(known, stat):
        message = f"{where}: {wrong}"
        raise UsageError(message)
    return Statement(known, stat or None, amount, where)
