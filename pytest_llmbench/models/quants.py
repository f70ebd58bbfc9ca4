"""Quantizations by file names: choosing one GGUF of several."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.shards import shard_stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["choose_gguf"]

_QUANT = re.compile(
    r"(?<![a-z0-9])((?:i?q\d\w*)|bf16|f16|f32|mxfp4\w*|nvfp4\w*|tq\d_\d)(?![a-z0-9])", re.IGNORECASE
)


def choose_gguf(names: Iterable[str], repo: str, quant: str | None) -> Sequence[str]:
    """Choose the one model whose file name contains `quant`, ignoring case: its file, or its shards in order.

    Raises:
        UsageError: none or several match; names the quantizations there are.
    """
    models: dict[str, list[str]] = {}
    for name in sorted(names):
        base = PurePosixPath(name).name.lower()
        if base.endswith(".gguf") and not base.startswith("mmproj"):
            models.setdefault(shard_stem(name), []).append(name)
    found = {
        stem: files for stem, files in models.items() if quant is None or quant.lower() in files[0].lower()
    }
    if len(found) > 1 and quant is not None:
        # `Q4_K` is part of `Q4_K_M`: a file that is named exactly so wins.
        exact = {stem: files for stem, files in found.items() if _quant_of(files[0]) == quant.lower()}
        found = exact or found
    if len(found) == 1:
        return next(iter(found.values()))
    if not models:
        message = f"hub repository {repo} has no GGUF file"
        raise UsageError(message)
    quants = ", ".join(sorted({_quant_of(files[0]).upper() for files in models.values()}))
    problem = "several GGUF files" if quant is None else f"{len(found) or 'no'} GGUF files named {quant}"
    message = f"hub repository {repo} has {problem}: write {repo}:QUANT with one of {quants}"
    raise UsageError(message)


def _quant_of(name: str) -> str:
    stem = shard_stem(PurePosixPath(name).name.lower()).removesuffix(".gguf")
    found = _QUANT.findall(stem)
    return found[-1] if found else stem
