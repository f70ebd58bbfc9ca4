"""The shape of configuration files, as frozen models.

    defaults: {backends: {<engine>: <settings>}}
    models:   [{id, source, run, profiles, tp, pp, dp, ep, gpus, skip, backends: {<engine>: <settings>}}]
    rules:    [{when: {<what>: <value or list>}, reason}]
    workloads: {<id>: {prompts | prompt | in, out, endpoint, temperature, seed, description}}
    eval:     {policy, concurrency, max-tokens, endpoint, sampling: {}, floor: {<eval>.<score>: <share>}}
    options:  {<name>: <value or list>}

A server that already runs is a model whose backend has `runtime: external` and a `url`.
"""

# No `from __future__ import annotations`: pydantic needs these annotations when the classes are made.

import re
import shlex
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from pytest_llmbench.counting import counted
from pytest_llmbench.spec.base import Spec
from pytest_llmbench.spec.deployment import ArgValue, ImageType, RuntimeName
from pytest_llmbench.spec.evals import EvalSettings
from pytest_llmbench.spec.urls import server_url
from pytest_llmbench.spec.workload import Endpoint

__all__ = [
    "AUTO",
    "PLAIN",
    "BackendSettings",
    "ConfigFile",
    "Defaults",
    "GpuRequest",
    "ModelEntry",
    "Profile",
    "Rule",
    "When",
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


def _bytes(value: str) -> str:
    if not re.fullmatch(r"\d+[bkmgBKMG]?", value):
        message = f"{value!r} is no size; write it as Docker does: 512m, 16g"
        raise ValueError(message)
    return value


def _words(value: object) -> object:
    return shlex.split(value) if isinstance(value, str) else value


def _id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        message = f"{value!r} cannot name a test; an id is made of letters, digits, '.', '_' and '-'"
        raise ValueError(message)
    return value


def _listed(value: object) -> list[object] | tuple[object, ...]:
    return value if isinstance(value, (list, tuple)) else [value]


def _requests(value: object) -> object:
    for one in (requests := _listed(value)):
        if isinstance(one, int):
            message = f"a request for GPUs is a mapping: {{count: {one}}}"
            raise ValueError(message)  # noqa: TRY004 - pydantic's
    return requests


def _degree(value: object) -> object:
    if value == AUTO or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    message = f"must be a whole number of at least 1, or {AUTO}"
    raise ValueError(message)


AUTO = "auto"
"""As many as divide the model."""
PLAIN = "plain"
"""What `profiles` calls a deployment without one."""
Size = Annotated[int, Field(ge=1, strict=True)]
Text = Annotated[str, StringConstraints(min_length=1)]
Id = Annotated[str, AfterValidator(_id)]
Reason = Annotated[str, AfterValidator(_reason)]
Variable = Annotated[str, AfterValidator(_variable)]
Bytes = Annotated[str, AfterValidator(_bytes)]
Value = Annotated[ArgValue, BeforeValidator(_scalar)]
# An axis: each of its values makes deployments of its own. One needs no brackets.
Sizes = Annotated[tuple[Size, ...], Field(min_length=1), BeforeValidator(_listed)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(_listed)]
Degrees = Annotated[
    tuple[Annotated[int | str, BeforeValidator(_degree)], ...],
    Field(min_length=1),
    BeforeValidator(_listed),
]


class _Shape(Spec):
    """In files a key has one spelling, the kebab-case one."""

    model_config = ConfigDict(populate_by_name=False)


class GpuRequest(_Shape):
    """Which GPUs one server gets: so many, of a model, or just these.

    `prefer` are sets to take if they are free, best first; `share` is the part of each GPU's memory that the
    server uses, so that others can live beside it.
    """

    count: Annotated[int, Field(ge=0, strict=True)] | None = None
    ids: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    name: Text | None = None
    prefer: Annotated[tuple[tuple[Text, ...], ...], Field(min_length=1)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.ids is None and self.count is None:
            message = "needs 'count', or 'ids'"
            raise ValueError(message)
        if self.ids is not None and (self.name or self.prefer or self.count not in (None, len(self.ids))):
            message = "'ids' says which GPUs and how many; leave out 'count', 'name' and 'prefer'"
            raise ValueError(message)
        for chosen in self.prefer or ():
            if len(chosen) != self.count:
                message = f"'prefer' has a set of {counted(len(chosen), 'GPU')}, not of {self.count}"
                raise ValueError(message)
        return self

    @property
    def number(self) -> int:
        """How many."""
        return len(self.ids) if self.ids else self.count or 0


class Profile(_Shape):
    """A named variant: arguments and variables that win over those the settings around it have."""

    args: dict[str, Annotated[ArgValue | None, BeforeValidator(_scalar)]] = Field(default_factory=dict)
    env: dict[Variable, str | None] = Field(default_factory=dict)


class BackendSettings(_Shape):
    """What can be said about one engine, for all models or for one.

    A null argument or variable removes what a more general place says.
    """

    runtime: RuntimeName | None = None
    version: Texts | None = None
    image: Text | None = None
    image_type: ImageType | None = None
    args: dict[str, Annotated[ArgValue | None, BeforeValidator(_scalar)]] = Field(default_factory=dict)
    program: Text | None = None
    extra_args: Annotated[tuple[str, ...], BeforeValidator(_words)] | None = None
    env: dict[Variable, str | None] = Field(default_factory=dict)
    profiles: dict[Id, Profile] = Field(default_factory=dict)
    url: Annotated[str, AfterValidator(server_url)] | None = None
    served_model: Text | None = None
    api_key_env: Variable | None = None
    secrets: tuple[Variable, ...] | None = None
    volumes: tuple[Text, ...] | None = None
    shm_size: Bytes | None = None
    memory: Bytes | None = None
    ipc: Text | None = None
    ulimits: dict[Text, Annotated[str, BeforeValidator(str)]] | None = None
    build_args: dict[Variable, Annotated[str, BeforeValidator(str)]] | None = None
    skip: Reason | None = None


class Defaults(_Shape):
    """What holds for every model unless it says otherwise."""

    backends: dict[str, BackendSettings] = Field(default_factory=dict)


class ModelEntry(_Shape):
    """One model and its servers: each of `tp`, `pp`, `dp` and `ep` with each of `gpus`, on each of `run`.

    `profiles` are those to run, `plain` without any.
    """

    id: Id
    source: Text | None = None
    run: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    profiles: Texts | None = None
    tp: Degrees | None = None
    pp: Sizes | None = None
    dp: Sizes | None = None
    ep: Sizes | None = None
    gpus: Annotated[tuple[GpuRequest, ...], Field(min_length=1), BeforeValidator(_requests)] | None = None
    skip: Reason | None = None
    backends: dict[str, BackendSettings] = Field(default_factory=dict)


class When(_Shape):
    """What a rule is about: all that is given must match. Texts may have `*` and `?`; of a list, one matches.

    `gpu` is what the GPU's model contains; `args` and `env` are of the engine.
    """

    model: Texts | None = None
    backend: Texts | None = None
    version: Texts | None = None
    runtime: Texts | None = None
    profile: Texts | None = None
    tp: Sizes | None = None
    pp: Sizes | None = None
    dp: Sizes | None = None
    ep: Sizes | None = None
    gpus: Annotated[tuple[int, ...], Field(min_length=1), BeforeValidator(_listed)] | None = None
    gpu: Texts | None = None
    args: dict[str, Value] = Field(default_factory=dict)
    env: dict[Variable, str] = Field(default_factory=dict)


class Rule(_Shape):
    """A combination that is not to be run, and why."""

    when: When
    reason: Reason

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.when.model_fields_set:
            message = "'when' must say something: an empty one would forbid everything"
            raise ValueError(message)
        return self


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
    rules: tuple[Rule, ...] = ()
    workloads: dict[Id, WorkloadEntry] = Field(default_factory=dict)
    eval: EvalSettings = EvalSettings()
    options: dict[str, Any] = Field(default_factory=dict)
