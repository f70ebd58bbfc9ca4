"""The builtin models: small GGUF files made on this host, the same bytes everywhere."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_llmbench.errors import StorageError, UsageError, nearest
from pytest_llmbench.files import write_atomically
from pytest_llmbench.models.cache import cache_dir, sha256
from pytest_llmbench.models.recipes import GLM, LLAMA, build

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmbench.models.recipes import Recipe

__all__ = ["BUILTINS", "DIGESTS", "builtin_path"]

BUILTINS: Mapping[str, Recipe] = {recipe.name: recipe for recipe in (GLM, LLAMA)}

DIGESTS: Mapping[str, str] = {
    "tiny-glm": "cf7bde6f77057a6be1b94b20e2083c6f5b22bdc09c20caf57006fff25ede5631",
    "tiny-llama": "74a69db3effc9c8b56299f577d676c2ecb8c55e11627656c7e67770840047b8d",
}
"""SHA-256 of each file. It is part of the file's name too, so a changed recipe is a new file."""


def builtin_path(name: str) -> Path:
    """Return the file of a builtin model, made on first use and whenever the cached one is damaged.

    Raises:
        UsageError: there is no builtin model of that name.
        StorageError: the cache cannot be written; names the file.
    """
    recipe = BUILTINS.get(name)
    if recipe is None:
        message = f"no builtin model is named '{name}': {nearest(name, BUILTINS)}"
        raise UsageError(message)
    digest = DIGESTS[name]
    path = cache_dir() / "models" / f"{name}-{digest[:12]}.gguf"
    if sha256(path) != digest:
        data = build(recipe)
        made = hashlib.sha256(data).hexdigest()
        if made != digest:
            message = f"the recipe of builtin:{name} makes {made}, but {digest} is expected"
            raise StorageError(message, file=path)
        write_atomically(path, data)
    return path
