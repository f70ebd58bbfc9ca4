"""API keys and other secrets: named in the configuration, kept in the environment, never printed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.server import Secret

if TYPE_CHECKING:
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["read_env_file", "resolve_api_key", "resolve_secrets"]

_ENV_FILE = ".env"


def resolve_api_key(deployment: Deployment) -> Secret | None:
    """Return the key the deployment's server wants; None if it names none.

    Reads the environment and `.env`, nothing else, so it can be called before anything starts.

    Raises:
        UsageError: the variable is not set or empty; names it.
    """
    name = deployment.api_key_env
    return None if name is None else _secret(name, f"holds the API key of {deployment.id}")


def resolve_secrets(deployment: Deployment) -> dict[str, Secret]:
    """Return the secrets that the deployment's container is to have, by name.

    Raises:
        UsageError: one is not set or empty; names it.
    """
    return {name: _secret(name, f"is a secret of {deployment.id}") for name in deployment.secrets}


def _secret(name: str, purpose: str) -> Secret:
    value = os.environ.get(name)
    if value is None:
        value = read_env_file(Path(_ENV_FILE)).get(name)
    if not value:
        state = "is empty" if value == "" else f"is not set, and {_ENV_FILE} does not have it"
        message = f"environment variable {name}, which {purpose}, {state}"
        raise UsageError(message)
    return Secret(value)


def read_env_file(path: Path) -> dict[str, str]:
    """Read lines of NAME=VALUE, as shells and Docker do; no file has none.

    A value may stand in quotes; `export` before a name, blank lines and comments are passed over.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    values: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.strip().isidentifier():
            values[name.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    if value[:1] in {"'", '"'}:
        return value[1:].partition(value[0])[0]
    return value.partition(" #")[0].strip()
