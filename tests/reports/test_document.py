"""The document against its published schema."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from pydantic import ValidationError

from pytest_llmbench.files import json_text
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
    from collections.abc import Callable, Iterator

PUBLISHED = Path(__file__).parents[2] / "docs" / "report.schema.json"
REPAIR = "regenerate it: python -m pytest_llmbench.reports.document > docs/report.schema.json"
MAPS = {"metrics", "versions", "label", "args", "facts", "definitions"}
"""Fields whose keys are names of something and not promised."""


@pytest.fixture
def document(
    make_result: Callable[..., ResultRecord], session: SessionRecord, environment: EnvironmentRecord
) -> Document:
    """Give a document with something of everything."""
    skipped = UnmeasuredRecord(nodeid="t.py::x", deployment="d", outcome="skipped", reason="needs 2 GPUs")
    return make_document(session, environment, [make_result(), make_result(count=200)], [skipped])


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """Give the schema in docs."""
    schema: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return schema


def refused(schema: dict[str, Any], written: object) -> bool:
    """Say whether a schema refuses a document."""
    return not jsonschema.Draft202012Validator(schema).is_valid(written)


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Walk every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from places(child, (*path, key))
    if isinstance(value, list):
        for number, child in enumerate(value):
            yield from places(child, (*path, number))


def at(value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - JSON
    """Look up a place."""
    for step in path:
        value = value[step]
    return value


def fields(schema: dict[str, Any]) -> dict[str, tuple[set[str], set[str], object]]:
    """Take what every version of pydantic writes alike: by model its fields, the required ones, if open."""
    models = {"Document": schema, **schema["$defs"]}
    return {
        name: (set(model["properties"]), set(model["required"]), model["additionalProperties"])
        for name, model in models.items()
    }


def test_the_published_schema_has_the_fields_of_the_models(published: dict[str, Any]) -> None:
    """The file in docs is generated and must not drift from the models, whichever pydantic is installed."""
    assert fields(published) == fields(json_schema()), REPAIR


def test_the_published_schema_is_the_generated_one_word_for_word(published: dict[str, Any]) -> None:
    """Versions of pydantic word a schema differently, so only the one that made it is held to its words."""
    if published["$comment"] != json_schema()["$comment"]:
        pytest.skip(f"{published['$comment']}, and another one is installed")
    assert PUBLISHED.read_text(encoding="utf-8") == json_text(json_schema(), indent=2), REPAIR


def test_the_published_schema_is_a_valid_schema(published: dict[str, Any]) -> None:
    """It is a schema of draft 2020-12, as it says."""
    jsonschema.Draft202012Validator.check_schema(published)


def test_a_document_satisfies_the_published_schema(document: Document, published: dict[str, Any]) -> None:
    """What is written is what was promised."""
    jsonschema.Draft202012Validator(published).validate(json.loads(to_json(document)))


def test_the_published_schema_notices_whatever_is_missing(
    document: Document, published: dict[str, Any]
) -> None:
    """Take any field out of any record, and the schema refuses the document; maps of names are free."""
    written = json.loads(to_json(document))
    for path in places(written):
        if not path or isinstance(path[-1], int) or (len(path) > 1 and path[-2] in MAPS):
            continue
        changed = copy.deepcopy(written)
        del at(changed, path[:-1])[path[-1]]
        assert refused(published, changed), path


def test_the_published_schema_notices_whatever_is_added_or_of_another_type(
    document: Document, published: dict[str, Any]
) -> None:
    """No record takes an unknown field, and no value may become a list of nothing but nulls."""
    written = json.loads(to_json(document))
    for path in places(written):
        changed = copy.deepcopy(written)
        if isinstance(at(written, path), dict) and not (path and path[-1] in MAPS):
            at(changed, path)["surprise"] = 1
            assert refused(published, changed), path
        if path:
            at(changed, path[:-1])[path[-1]] = [None]
            assert refused(published, changed), path


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
