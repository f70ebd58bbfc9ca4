"""What every record is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Record", "Scalar"]

Scalar = str | int | float | bool | None


class Record(BaseModel):
    """Something that is known: it does not change, and has no field that is not its own."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        ser_json_inf_nan="constants",  # not as null, so that the writer can refuse one that slipped in
        json_schema_serialization_defaults_required=True,
        protected_namespaces=(),
    )
