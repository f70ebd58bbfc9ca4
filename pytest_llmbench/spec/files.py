"""The shape of configuration files, as frozen models.

    defaults: {backends: {<engine>: <settings>}}
    models:   [{id, source, run, tp, pp, dp, ep, gpus, skip, backends: {<engine>: <settings>}}]
    workloads: {<id>: {prompts | prompt | in, out, endpoint, temperature, seed, description}}
    options:  {<name>: <value or list>}

A server that already runs is a model whose backend has `runtime: external` and a `url`.
"""

# No `from __future__ import annotations`: pydantic needs these annotations when the classes are made.

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from pytest_llmbench.spec.base import Spec
from pytest_llmbench.spec.deployment import ArgValue, ImageType, RuntimeName
from pytest_llmbench.spec.urls import server_url
from pytest_llmbench.spec.workload import Endpoint

__all__ = [
    "BackendSettings",
    "ConfigFile",
    "Defaults",
    "GpuRequest",
    "ModelEntry",
    "WorkloadEntry",
]


def _scalar(value: object) -> object:
    if isinstance(value, (list, dict)):
        message = "must be a number, a text or true/false; write JSON as a text, in quotes"
        raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _reason(value: str) -> str:
    if value.strip().lower() in {"", "true", "false", "yes", "no"}:
        message = 'give the reason as a text: skip: "why"; leave the key out to run the entry'
        raise ValueError(message)
    return value


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        message = f"{name!r} cannot be the name of an environment variable"
        raise ValueError(message)
    return name


def _id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        message = f"{value!r} cannot name a test; an id is made of letters, digits, '.', '_' and '-'"
        raise ValueError(message)
    return value


Size = Annotated[int, Field(ge=1, strict=True)]
Text = Annotated[str, StringConstraints(min_length=1)]
Id = Annotated[str, AfterValidator(_id)]
Reason = Annotated[str, AfterValidator(_reason)]
Variable = Annotated[str, AfterValidator(_variable)]


class _Shape(Spec):
    """In files a key has one spelling, the kebab-case one."""

    model_config = ConfigDict(populate_by_name=False)


class GpuRequest(_Shape):
    """How many GPUs one server gets."""

    count: int = Field(ge=0, strict=True)


class BackendSettings(_Shape):
    """What can be said about one engine, for all models or for one.

    A null argument or variable removes what a more general place says.
    """

    runtime: RuntimeName | None = None
    version: Text | None = None
    image: Text | None = None
    image_type: ImageType | None = None
    args: dict[str, Annotated[ArgValue | None, BeforeValidator(_scalar)]] = Field(default_factory=dict)
    env: dict[Variable, str | None] = Field(default_factory=dict)
    url: Annotated[str, AfterValidator(server_url)] | None = None
    served_model: Text | None = None
    api_key_env: Variable | None = None
    skip: Reason | None = None


class Defaults(_Shape):
    """What holds for every model unless it says otherwise."""

    backends: dict[str, BackendSettings] = Field(default_factory=dict)


class ModelEntry(_Shape):
    """One model and its servers: each of `tp` with each of `gpus`, on each backend of `run`."""

    id: Id
    source: Text | None = None
    run: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    tp: Annotated[tuple[Size, ...], Field(min_length=1)] | None = None
    pp: Size | None = None
    dp: Size | None = None
    ep: Size | None = None
    gpus: Annotated[tuple[GpuRequest, ...], Field(min_length=1)] | None = None
    skip: Reason | None = None
    backends: dict[str, BackendSettings] = Field(default_factory=dict)


class WorkloadEntry(_Shape):
    """A workload as a file gives it; `prompt` is short for one of `prompts`."""

    description: str | None = None
    prompt: Text | None = None
    prompts: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    input_tokens: Size | None = Field(default=None, alias="in")
    output_tokens: Size | None = Field(default=None, alias="out")
    endpoint: Endpoint | None = None
    temperature: float | None = Field(default=None, ge=0)
    seed: int | None = Field(default=None, strict=True)

    @model_validator(mode="after")
    def _one_source_of_prompts(self) -> Self:
        given = [self.prompt is not None, self.prompts is not None, self.input_tokens is not None]
        if sum(given) > 1:
            message = "give only one of 'prompt', 'prompts' and 'in' (exact prompt tokens)"
            raise ValueError(message)
        return self


class ConfigFile(_Shape):
    """A whole file."""

    defaults: Defaults = Defaults()
    models: tuple[ModelEntry, ...] = ()
    workloads: dict[Id, WorkloadEntry] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
