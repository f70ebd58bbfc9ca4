"""Our errors as pytest's outcomes: their messages say all there is to say, so none needs a traceback."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import LLMBenchError, StatisticsError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmbench.settings import Settings

__all__ = ["demanded", "plainly", "usage_errors"]


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Skip or fail the running test.

    A statistic that the author asked for in vain keeps its traceback: it points at the line.
    """
    __tracebackhide__ = True
    try:
        yield
    except StatisticsError:
        raise
    except Unavailable as reason:
        # At the test, like a mark: the line in here would tell nobody anything.
        raise pytest.skip.Exception(str(reason), _use_item_location=True) from None
    except LLMBenchError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@contextlib.contextmanager
def demanded(why: str | None) -> Iterator[None]:
    """Fail instead of skipping, if there is a reason why the test must not be skipped."""
    __tracebackhide__ = True
    try:
        yield
    except pytest.skip.Exception as skipped:
        if why is None:
            raise
        message = f"{why}, and here: {skipped}"
        raise pytest.fail.Exception(message, pytrace=False) from None


@contextlib.contextmanager
def usage_errors(settings: Settings | None = None) -> Iterator[None]:
    """End pytest with exit code 4: what is wrong before a test runs is something the user can mend.

    With `settings`, a message that begins with an option's flag begins with the place its value is from.
    """
    try:
        yield
    except LLMBenchError as error:
        flag, rest = re.fullmatch(r"([\w-]*)(.*)", str(error), re.DOTALL).groups()  # type: ignore[union-attr]
        called = settings.elsewhere().get(flag, flag) if settings else flag
        raise pytest.UsageError(called + rest) from error
