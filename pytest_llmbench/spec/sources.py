"""Models named by what they are: a builtin, a path, a hub id."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.spec.urls import safe_id

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_source", "detected_backend", "model_id"]

_PATH_STARTS = ("/", "./", "../", "~")


def detected_backend(source: str) -> str:
    """Which backend loads weights of this format: `llama` for GGUF and builtin models, else `vllm`.

    Only the name is looked at: collecting tests must not touch weights.
    """
    last = source.partition("@")[0].rstrip("/").rpartition("/")[2].lower()
    is_quant = ":" in last  # repo:QUANT, builtin:name
    return "llama" if is_quant or last.endswith((".gguf", "-gguf")) else "vllm"


def model_id(source: str) -> str:
    """Name a model after the last part of its path or hub id, fit for test ids: `qwen3-8b-gguf-q4_k_m`."""
    last = source.rstrip("/").rpartition("/")[2].replace("@", "-")
    if last.lower().endswith(".gguf"):
        last = last[: -len(".gguf")]
    return safe_id(last.removeprefix("builtin:"))


def check_source(name: str, known: Iterable[str]) -> None:
    """Accept `name` as a path, hub id or builtin that no file mentions.

    Raises:
        UsageError: it does not look like one, or like a path to nothing.
    """
    if name.startswith("builtin:"):
        return
    path = Path(name).expanduser()
    if path.exists():
        return
    if name.startswith(_PATH_STARTS) or name.lower().endswith(".gguf"):
        message = f"--bench-model {name}: no such file or folder"
        raise UsageError(message)
    if "/" not in name:
        message = (
            f"--bench-model: unknown model {name!r}"
            f" (a path or a hub id, owner/name or owner/name:QUANT, works too): {nearest(name, known)}"
        )
        raise UsageError(message)
