"""The model's own tokenizer, from files on this host: for what the server does not count.

Never from the network: what a measurement needs is there before it starts, or is told to be missing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_llmbench.client.trace import RequestTrace

__all__ = ["CountsTokens", "count_missing_tokens", "find_tokenizer", "load_tokenizer"]

_FILE = "tokenizer.json"


class CountsTokens(Protocol):
    """A tokenizer, as far as it is needed here."""

    def count(self, text: str, *, special: bool = False) -> int:
        """Return how many tokens a text is; `special` adds what the model wants around a prompt."""


class _Tokenizer:
    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - of an optional package
        self._tokenizer = tokenizer

    def count(self, text: str, *, special: bool = False) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=special))


def load_tokenizer(source: str) -> CountsTokens | None:
    """Return the tokenizer of a model's source.

    None if no file of it is on this host, if that cannot be read, or if the package `tokenizers` is not
    installed.
    """
    path = find_tokenizer(source)
    if path is None:
        return None
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - optional
    except ImportError:
        return None
    try:
        return _Tokenizer(Tokenizer.from_file(str(path)))
    except Exception:  # noqa: BLE001 - the package raises nothing narrower, for missing and broken files alike
        return None


def find_tokenizer(source: str) -> Path | None:
    """Find `tokenizer.json` in a model's directory, beside its file, or in the hub's cache."""
    local = Path(source).expanduser()
    if local.exists():
        found = (local if local.is_dir() else local.parent) / _FILE
        return found if found.is_file() else None
    repo = source.partition(":")[0]
    if repo.count("/") != 1 or source.startswith(("/", ".", "~")):
        return None
    return next((path for path in _cached(repo) if path.is_file()), None)


def _cached(repo: str) -> Iterator[Path]:
    """Where the hub's cache may have it: in the snapshot of the main branch, else in the newest."""
    home = _hub_cache() / f"models--{repo.replace('/', '--')}"
    snapshots = home / "snapshots"
    main = home / "refs" / "main"
    if main.is_file():
        yield snapshots / main.read_text().strip() / _FILE
    found = snapshots.iterdir() if snapshots.is_dir() else ()
    yield from (
        path / _FILE for path in sorted(found, key=lambda path: (path.stat().st_mtime, path), reverse=True)
    )


def _hub_cache() -> Path:
    """The hub's cache directory, by the variables its own package reads."""
    chosen = os.environ.get("HF_HUB_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    home = os.environ.get("HF_HOME")
    if not home:
        home = str(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(home).expanduser() / "hub"


def count_missing_tokens(
    traces: Iterable[RequestTrace], prompts: Sequence[str] | None, tokenizer: CountsTokens | None
) -> None:
    """Count the tokens of replies for which the server gave no usage, and forget their text.

    `prompts`, by the traces' index, are counted likewise; None where the server puts them into a template.
    The chunks get no counts: tokens that a chunk's text makes alone are not those it was made of.
    """
    for trace in traces:
        text, trace.text = trace.text, None
        if text is None or tokenizer is None or trace.output_tokens is not None:
            continue
        trace.output_tokens, trace.token_source = tokenizer.count(text), "tokenizer"
        if prompts is not None and trace.prompt_tokens is None:
            trace.prompt_tokens = tokenizer.count(prompts[trace.index], special=True)
