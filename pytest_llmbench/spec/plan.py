"""What the command line selects, and what comes out: deployments and where each value came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_llmbench.errors import UsageError
from pytest_llmbench.spec.evals import EvalSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.spec.deployment import ArgValue, Deployment, RuntimeName
    from pytest_llmbench.spec.files import Rule

__all__ = [
    "BUILT_IN",
    "REDACTED",
    "Dropped",
    "Engine",
    "Plan",
    "Selection",
    "Sourced",
    "is_secret",
    "redacted_argument",
]

BUILT_IN = "built in"
REDACTED = "***"

_USER_OF_URL = re.compile(r"(://)[^/@\s]+@")
# NAME=VALUE by itself or after `--bench-env=`; an engine argument may have its backend in front.
_ASSIGNMENT = re.compile(r"(?:^|=)(?:\w+\.)?([A-Za-z][\w-]*)=(.*)$", re.DOTALL)
_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")


class Engine(Protocol):
    """What resolution needs to know about a backend.

    `default_runtime` and `default_args` lie below every other source; `formats` are those of weights that it
    loads, none for any; `check_args` raises UsageError for arguments that cannot be.
    """

    name: str
    default_runtime: RuntimeName
    default_args: Mapping[str, ArgValue]
    formats: tuple[str, ...]

    def check_args(self, args: Mapping[str, ArgValue], runtime: RuntimeName) -> None:
        """Reject engine arguments that cannot be in this runtime."""


class Sourced(NamedTuple):
    """A value, where it was said, and whether it came out of a variable that holds a secret."""

    value: object
    origin: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """What the command line says about deployments, as typed.

    `args` are `[BACKEND.]NAME=VALUE`, `env` `NAME=VALUE`, `urls` `[NAME=]URL`, `versions`
    `[BACKEND=]VERSION`, `images` `[BACKEND=]IMAGE`, `tp` numbers or `auto`, `gpus` `COUNT` or `COUNTxMODEL`.
    """

    models: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    served_model: str | None = None
    api_key_env: str | None = None
    versions: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    image_type: str | None = None
    profiles: tuple[str, ...] = ()
    tp: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()


class Dropped(NamedTuple):
    """A combination that is not run, why, and where that was said if it was said."""

    deployment: Deployment
    reason: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The deployments of a session, in the order of the configuration.

    `origins` and `secrets` are by deployment id. Origins are by dotted key (`version`, `args.max-model-len`)
    in the order they are shown, one for every value that is set: `file:line`, an option, `built in`, or how
    it follows from others. Secrets are the keys whose values must not be shown. `dropped` are the impossible
    combinations, with origins and secrets of their own; `gpu_rules` (by deployment id) are the rules whose
    GPUs the deployment must not get. `evals` says which of them are evaluated, and how.
    """

    deployments: tuple[Deployment, ...] = ()
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    dropped: tuple[Dropped, ...] = ()
    gpu_rules: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    evals: EvalSettings = field(default_factory=EvalSettings)

    def require_some(self) -> Plan:
        """Return itself, unless all that was selected is impossible.

        Raises:
            UsageError: naming the first combination, and why it is dropped.
        """
        if self.dropped and not self.deployments:
            deployment, reason, origin = self.dropped[0]
            message = f"no selected combination is possible: {deployment.id}: {reason}"
            raise UsageError(f"{message} ({origin})" if origin else message)
        return self

    def called(self, names: Mapping[str, str]) -> Plan:
        """Return the plan with other names for some origins: `LLMBENCH_TP` for `--bench-tp`."""
        return replace(
            self,
            origins={
                name: {key: names.get(origin, origin) for key, origin in by_key.items()}
                for name, by_key in self.origins.items()
            },
            dropped=tuple(one._replace(origin=names.get(one.origin, one.origin)) for one in self.dropped),
        )

    def redacted(self, deployment: Deployment) -> Deployment:
        """`deployment` fit for reports: secret arguments and variables are `***`."""
        secret = self.secrets.get(deployment.id, frozenset())
        return deployment.model_copy(
            update={
                "args": tuple(
                    (name, REDACTED if f"args.{name}" in secret else value) for name, value in deployment.args
                ),
                "extra_args": _redacted_words(deployment.extra_args),
                "env": tuple(
                    (name, REDACTED if f"env.{name}" in secret else value) for name, value in deployment.env
                ),
                **{
                    key.replace("-", "_"): REDACTED for key in secret if not key.startswith(("args.", "env."))
                },
            }
        )


def _redacted_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Replace what belongs to a name that holds a secret: `--hf-token X`, `--hf-token=X`."""
    hidden = []
    follows_secret = False
    for word in words:
        name, equals, _ = word.lstrip("-").partition("=")
        secret = word.startswith("-") and is_secret(name)
        hidden.append(f"--{name}={REDACTED}" if secret and equals else REDACTED if follows_secret else word)
        follows_secret = secret and not equals
    return tuple(hidden)


def redacted_argument(text: str) -> str:
    """`text` of a command line with the values of secrets, and the password of a URL, replaced."""
    text = _USER_OF_URL.sub(rf"\1{REDACTED}@", text)
    found = _ASSIGNMENT.search(text)
    return f"{text[: found.start(2)]}{REDACTED}" if found and is_secret(found[1]) else text


@cache
def is_secret(name: str) -> bool:
    """Whether a variable or an argument of this name holds a secret.

    Arguments about tokens and keys that are no secrets (`max-num-batched-tokens`, `tokenizer-mode`,
    `cache-type-k`) are told from those that are (`api-key`, `hf-token`) by whole words.
    """
    if name.isupper():
        return any(word in name.replace("TOKENIZER", "") for word in _SECRET_WORDS)
    words = name.upper().replace("_", "-").split("-")
    return (
        any(word in _SECRET_WORDS or word.rstrip("S") in _SECRET_WORDS[2:] for word in words)
        or "APIKEY" in words
    )
