"""The JSON document a session leaves behind; `docs/report.schema.json` is made from it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Literal

import pydantic
from pydantic import Field

from pytest_llmbench.files import json_text
from pytest_llmbench.metrics.registry import METRICS
from pytest_llmbench.records import EnvironmentRecord, ResultRecord, SessionRecord, UnmeasuredRecord
from pytest_llmbench.records.base import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SCHEMA_VERSION", "Document", "json_schema", "make_document", "to_json"]

SCHEMA_VERSION: Final = "1.0"


class Document(Record):
    """The whole report."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    session: SessionRecord
    environment: EnvironmentRecord
    results: tuple[ResultRecord, ...] = ()
    unmeasured: tuple[UnmeasuredRecord, ...] = ()
    definitions: dict[str, str] = Field(default_factory=dict)
    """Metric name to definition, for every metric that appears."""


def make_document(
    session: SessionRecord,
    environment: EnvironmentRecord,
    results: Iterable[ResultRecord] = (),
    unmeasured: Iterable[UnmeasuredRecord] = (),
) -> Document:
    """Put the parts together and define every metric that appears in them."""
    results = tuple(results)
    used = {name for result in results for name in result.metrics}
    return Document(
        session=session,
        environment=environment,
        results=results,
        unmeasured=tuple(unmeasured),
        definitions={name: METRICS[name].definition for name in sorted(used) if name in METRICS},
    )


def to_json(document: Document) -> str:
    """Render as JSON text: indented, in the order of the schema, ending in a newline.

    `ValueError` for a number that is not finite, should one have slipped past the models.
    """
    return json_text(document.model_dump(mode="json"), indent=2)


def json_schema() -> dict[str, Any]:
    """Build the published JSON Schema (draft 2020-12) of the document.

    It describes what is written, so every field is required; null stands for what is unknown.
    """
    schema = Document.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        # Versions of pydantic word the same schema differently; a test compares like with like.
        "$comment": f"generated with pydantic {'.'.join(pydantic.VERSION.split('.')[:2])}",
        "title": "pytest-llmbench report",
        "description": "What one pytest session measured. Durations in seconds.",
        **{key: value for key, value in schema.items() if key not in {"title", "description"}},
    }


if __name__ == "__main__":
    sys.stdout.write(json_text(json_schema(), indent=2))
