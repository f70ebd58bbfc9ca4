"""A maker of reports, for commands that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.reports.document import Document, make_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.records import EnvironmentRecord, ResultRecord, SessionRecord


@pytest.fixture(scope="session")
def make_report(session: SessionRecord, environment: EnvironmentRecord) -> Callable[..., Document]:
    """Give a maker of documents, of a session that may be named and dated."""

    def make(*results: ResultRecord, **of_session: str) -> Document:
        return make_document(session.model_copy(update=of_session), environment, results)

    return make
