"""GGUF files of a Hugging Face repository, chosen by quantization."""

from __future__ import annotations

import importlib
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import Unavailable, UsageError
from pytest_llmbench.models.shards import shard_stem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["choose_gguf", "hub_path"]

_QUANT = re.compile(
    r"(?<![a-z0-9])((?:i?q\d\w*)|bf16|f16|f32|mxfp4\w*|nvfp4\w*|tq\d_\d)(?![a-z0-9])", re.IGNORECASE
)


def hub_path(
    repo: str, quant: str | None = None, on_progress: Callable[[str], None] = lambda _text: None
) -> Path:
    """Return a GGUF file of a hub repository on this host, downloaded if it is not cached.

    Of a model in several shards, all are fetched and the first is returned.

    Raises:
        Unavailable: `huggingface_hub` is not installed, or the hub cannot be reached and nothing is cached.
        UsageError: the repository does not exist or has no such file; names what it has.
    """
    hub = _hub()
    names = _remote_names(hub, repo)
    if names is None:
        root = _cached_snapshot(hub, repo)
        names = [path.relative_to(root).as_posix() for path in root.rglob("*.gguf")]
        return root / choose_gguf(names, repo, quant)[0]
    chosen = choose_gguf(names, repo, quant)
    for number, name in enumerate(chosen, start=1):
        on_progress(f"fetching {repo} {name} ({number}/{len(chosen)})")
    paths = [_download(hub, repo, name) for name in chosen]
    return paths[0]


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


def _hub() -> Any:  # noqa: ANN401 - an optional package without types here
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        message = "needs the hub extra to fetch models: pip install 'pytest-llmbench[hub]'"
        raise Unavailable(message) from error


def _remote_names(hub: Any, repo: str) -> list[str] | None:  # noqa: ANN401
    """List the repository's files; None if the hub cannot be reached."""
    errors = hub.errors
    try:
        return list(hub.list_repo_files(repo))
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        message = f"no hub repository (or no access to it): {repo}"
        raise UsageError(message) from error
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, OSError, *_transport_errors()):
        return None


def _cached_snapshot(hub: Any, repo: str) -> Path:  # noqa: ANN401
    try:
        return Path(hub.snapshot_download(repo, allow_patterns=["*.gguf"], local_files_only=True))
    except (hub.errors.LocalEntryNotFoundError, OSError) as error:
        message = f"the hub cannot be reached and {repo} is not in its cache"
        raise Unavailable(message) from error


def _download(hub: Any, repo: str, name: str) -> Path:  # noqa: ANN401
    try:
        return Path(hub.hf_hub_download(repo, name))
    except (hub.errors.HfHubHTTPError, OSError, *_transport_errors()) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"cannot fetch {name} of {repo}: {reason}"
        raise Unavailable(message) from error


def _transport_errors() -> tuple[type[Exception], ...]:
    """Collect what the hub's HTTP client may raise: `requests` before version 1, `httpx` since."""
    found: list[type[Exception]] = []
    for module, name in (("httpx", "TransportError"), ("requests", "RequestException")):
        try:
            found.append(getattr(importlib.import_module(module), name))
        except ImportError:
            continue
    return tuple(found)
