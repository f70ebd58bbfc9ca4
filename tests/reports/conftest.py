"""A maker of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.reports.document import Document, make_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord, SessionRecord


@pytest.fixture
def make(session: SessionRecord, environment: EnvironmentRecord) -> Callable[..., Document]:
    """Give a maker of documents."""

    def make(*results: ResultRecord, **changes: object) -> Document:
        return make_document(session, environment, results).model_copy(update=changes)

    return make
