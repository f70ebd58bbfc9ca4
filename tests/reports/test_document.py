"""The document against its published schema."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from pydantic import ValidationError

from pytest_llmbench.records import (
    EnvironmentRecord,
    FailureCount,
    ResultRecord,
    ServerRecord,
    SessionRecord,
    UnmeasuredRecord,
)
from pytest_llmbench.reports.document import Document, json_schema, make_document, to_json

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLISHED = Path(__file__).parents[2] / "docs" / "report.schema.json"


@pytest.fixture
def document(
    make_result: Callable[..., ResultRecord], session: SessionRecord, environment: EnvironmentRecord
) -> Document:
    """Give a document with something of everything."""
    skipped = UnmeasuredRecord(nodeid="t.py::x", deployment="d", outcome="skipped", reason="needs 2 GPUs")
    return make_document(session, environment, [make_result(), make_result(count=200)], [skipped])


def test_the_published_schema_is_the_one_the_models_make() -> None:
    """The file in docs is generated and must not drift from the models."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    repair = "regenerate it: python -m pytest_llmbench.reports.document > docs/report.schema.json"
    assert published == json_schema(), repair


def test_the_published_schema_is_a_valid_schema() -> None:
    """It is a schema of draft 2020-12, as it says."""
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_a_document_satisfies_the_published_schema(document: Document) -> None:
    """What is written is what was promised."""
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(to_json(document)))


@pytest.mark.parametrize("field", ["schema_version", "environment", "results", "session"])
def test_the_schema_refuses_a_document_with_a_part_missing(document: Document, field: str) -> None:
    """The schema would notice if a promised field were no longer written."""
    written: dict[str, Any] = json.loads(to_json(document))
    del written[field]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema()).validate(written)


def test_a_document_survives_being_written_and_read(document: Document) -> None:
    """Nothing is lost in the JSON."""
    assert Document.model_validate_json(to_json(document)) == document


def test_only_metrics_that_appear_are_defined(document: Document) -> None:
    """Definitions come from the registry, for the metrics of the results."""
    assert set(document.definitions) == {"ttft", "tpot", "e2e", "throughput_output", "error_rate"}
    assert "first chunk" in document.definitions["ttft"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(number: float) -> None:
    """NaN never reaches a file, because no record can hold it, not even among a server's facts."""
    with pytest.raises(ValidationError):
        ServerRecord(served_model="m", ready_s=number)
    with pytest.raises(ValidationError):
        ServerRecord(served_model="m", ready_s=1.0, facts={"speed": number})


def test_a_number_that_slipped_past_the_models_is_not_written(document: Document) -> None:
    """The last gate is the writer itself."""
    result = document.results[0]
    server = result.server.model_copy(update={"ready_s": math.nan})
    slipped = document.model_copy(update={"results": (result.model_copy(update={"server": server}),)})
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json(slipped)


def test_broken_bytes_in_a_message_leave_the_document_readable(
    make_result: Callable[..., ResultRecord], session: SessionRecord, environment: EnvironmentRecord
) -> None:
    """A server's undecodable reply is part of a message, and strict readers must still read the file."""
    result = make_result()
    failure = FailureCount(kind="http", message="HTTP 500 \udc80 é", count=1)
    run = result.runs[0].model_copy(update={"failures": (failure,)})
    text = to_json(make_document(session, environment, [result.model_copy(update={"runs": (run,)})]))
    read = Document.model_validate_json(text.encode("utf-8"))
    assert read.results[0].runs[0].failures[0].message == "HTTP 500 ? é"
