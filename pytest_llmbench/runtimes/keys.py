"""API keys: named in the configuration, kept in the environment, never printed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.server import Secret

if TYPE_CHECKING:
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["resolve_api_key"]


def resolve_api_key(deployment: Deployment) -> Secret | None:
    """Return the key the deployment's server wants; None if it names none.

    Reads the environment and nothing else, so it can be called before anything starts.

    Raises:
        UsageError: the variable is not set or empty; names it.
    """
    name = deployment.api_key_env
    if name is None:
        return None
    value = os.environ.get(name)
    if not value:
        state = "is empty" if value == "" else "is not set"
        message = f"environment variable {name}, which holds the API key of {deployment.id}, {state}"
        raise UsageError(message)
    return Secret(value)
