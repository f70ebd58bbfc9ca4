"""Packages that only some evals need, imported when they are."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from pytest_llmbench.errors import Unavailable

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["needed"]


def needed(module: str, *, extra: str) -> ModuleType:
    """Import a module.

    Raises:
        Unavailable: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        message = f"needs the {extra} extra ({package}: {error}): pip install 'pytest-llmbench[{extra}]'"
        raise Unavailable(message) from error
