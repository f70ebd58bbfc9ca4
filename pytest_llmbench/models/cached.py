"""Where a model's weights are on this host already; nothing is made, downloaded or asked for."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.hub import choose_gguf

__all__ = ["cached_weights"]


def cached_weights(source: str) -> Path | None:
    """Return a GGUF file or a folder with weights, None if it is not here.

    `source` is a path or a hub id, `repo` or `repo:QUANT`; builtin models are made when they are needed.
    """
    if source.startswith("builtin:"):
        return None
    path = Path(source).expanduser()
    return path if path.exists() else _of_hub(*source.partition(":")[::2])


def _of_hub(repo: str, quant: str) -> Path | None:
    folder = _hub_cache() / f"models--{repo.replace('/', '--')}"
    try:
        snapshot = folder / "snapshots" / (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    names = [file.relative_to(snapshot).as_posix() for file in snapshot.rglob("*.gguf")]
    try:
        return snapshot / choose_gguf(names, repo, quant or None)[0] if names else snapshot
    except UsageError:  # another quantization than the one that is here
        return None


def _hub_cache() -> Path:
    """Return the hub's cache, as `huggingface_hub` finds it."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"
