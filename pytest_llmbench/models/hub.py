"""Weights of Hugging Face repositories: which files they are, and fetching them."""

from __future__ import annotations

import importlib
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_llmbench.errors import StorageError, Unavailable, UsageError
from pytest_llmbench.files import write_atomically
from pytest_llmbench.models.download import LARGE, fetch_large
from pytest_llmbench.models.quants import choose_gguf
from pytest_llmbench.models.source import find_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_llmbench.models.source import HubSource

__all__ = ["cache_in", "hub_cache", "hub_folder", "hub_gguf"]

# What engines read beside the weights; a repository may hold the same weights in other formats, too.
_WANTED = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".py")
_UNWANTED_FOLDERS = frozenset({"original", "metal", "onnx", "openvino", "gguf"})
_TOLD_SECONDS = 0.5
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class _Listing:
    """The files of a repository by their sizes (bytes), at a commit."""

    commit: str
    sizes: Mapping[str, int]


def hub_cache() -> Path:
    """Return the hub's cache, where `huggingface_hub` has it."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def cache_in(folder: Path) -> None:
    """Have this process fetch into another folder; before anything is fetched."""
    os.environ["HF_HUB_CACHE"] = str(folder.expanduser().absolute())


def hub_gguf(source: HubSource, on_progress: Callable[[str], None] = lambda _text: None) -> Path:
    """Return a GGUF file of a hub repository on this host, downloaded if it is not cached.

    Of a model in several parts all are fetched and the first is returned.

    Raises:
        Unavailable: `huggingface_hub` is not installed, or the hub cannot be reached and nothing is cached,
            or its connection broke; asking again goes on where it stopped.
        StorageError: its cache cannot be written.
        UsageError: there is no such repository, revision or file, or no access to it; names what there is.
    """
    hub = _hub()
    listing = _list(hub, source)
    if listing is None:
        root = _cached(source)
        names = [path.relative_to(root).as_posix() for path in root.rglob("*.gguf")]
        return root / choose_gguf(names, source.repo, source.quant)[0]
    chosen = choose_gguf(listing.sizes, source.repo, source.quant)
    return _fetch(hub, source, listing, chosen, on_progress) / chosen[0]


def hub_folder(source: HubSource, on_progress: Callable[[str], None] = lambda _text: None) -> Path:
    """Return the folder of a repository with safetensors on this host, downloaded if it is not cached.

    Weights in other formats are left where they are.

    Raises:
        Unavailable, StorageError, UsageError: as `hub_gguf`.
    """
    hub = _hub()
    listing = _list(hub, source)
    if listing is None:
        return _cached(source)
    chosen = [name for name in sorted(listing.sizes) if _is_wanted(name)]
    if not any(name.endswith(".safetensors") for name in chosen):
        has_gguf = any(name.endswith(".gguf") for name in listing.sizes)
        hint = ": name one GGUF of it with repo:QUANT" if has_gguf else ""
        message = f"hub repository {source.repo} has no safetensors{hint}"
        raise UsageError(message)
    return _fetch(hub, source, listing, chosen, on_progress)


def _is_wanted(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix in _WANTED and not _UNWANTED_FOLDERS & set(path.parts[:-1])


def _hub() -> Any:  # noqa: ANN401 - an optional package without types here
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError as error:
        message = "needs the hub extra to fetch models: pip install 'pytest-llmbench[hub]'"
        raise Unavailable(message) from error
    importlib.import_module("huggingface_hub.errors")  # no attribute of it before
    # Ours is told by `on_progress`.
    importlib.import_module("huggingface_hub.utils").disable_progress_bars()
    return hub


def _list(hub: Any, source: HubSource) -> _Listing | None:  # noqa: ANN401
    """Ask for the commit behind a revision and its files; None if the hub cannot be reached."""
    try:
        with _telling(hub, source):
            info = hub.HfApi().model_info(source.repo, revision=source.revision, files_metadata=True)
    except _unreachable(hub):
        return None
    return _Listing(str(info.sha), {file.rfilename: int(file.size or 0) for file in info.siblings})


def _cached(source: HubSource) -> Path:
    found = find_copy(source, [hub_cache()])
    if found is None:
        message = f"the hub cannot be reached and {source} is not in its cache"
        raise Unavailable(message)
    return found


def _fetch(
    hub: Any,  # noqa: ANN401
    source: HubSource,
    listing: _Listing,
    chosen: Sequence[str],
    on_progress: Callable[[str], None],
) -> Path:
    """Fetch files at the listing's commit and return their folder."""
    blobs = hub_cache() / f"models--{source.repo.replace('/', '--')}" / "blobs"
    total = sum(listing.sizes[name] for name in chosen)
    missing = total - sum(
        listing.sizes[name] for name in chosen if _is_here(hub, source, listing.commit, name)
    )
    with _watching(blobs, missing, lambda text: on_progress(f"fetching {source}: {text}")):
        for name in chosen:
            path = _download(hub, source, name, listing, blobs)
    _remember(blobs.parent, source, listing.commit)
    return path.parents[name.count("/")]


def _download(hub: Any, source: HubSource, name: str, listing: _Listing, blobs: Path) -> Path:  # noqa: ANN401
    try:
        with _telling(hub, source):
            if listing.sizes[name] >= LARGE:
                fetch_large(hub, source.repo, name, listing.commit, blobs)
            return Path(hub.hf_hub_download(source.repo, name, revision=listing.commit))
    except _unreachable(hub) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"cannot fetch {name} of {source}: {reason}; asking again goes on where it stopped"
        raise Unavailable(message) from error
    except OSError as error:
        message = f"{name} of {source} cannot be kept here: {error.strerror or error}"
        raise StorageError(message, file=error.filename or blobs) from error


def _is_here(hub: Any, source: HubSource, commit: str, name: str) -> bool:  # noqa: ANN401
    return isinstance(hub.try_to_load_from_cache(source.repo, name, revision=commit), str)


def _remember(folder: Path, source: HubSource, commit: str) -> None:
    """Note which commit the revision was, so that it is found again without the hub."""
    write_atomically(folder / "refs" / (source.revision or "main"), commit)


@contextmanager
def _watching(folder: Path, expected: int, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell twice a second how much has arrived in a folder since now, of so many bytes."""
    if expected <= 0:
        yield
        return
    over, before = threading.Event(), _size(folder)

    def watch() -> None:
        while True:
            arrived = min(expected, max(0, _size(folder) - before))
            tell(f"{arrived / _GIB:.2f} of {expected / _GIB:.2f} GiB ({arrived / expected:.0%})")
            if over.wait(_TOLD_SECONDS):
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _size(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except OSError:  # not there yet, or a part was renamed meanwhile
        return 0


@contextmanager
def _telling(hub: Any, source: HubSource) -> Iterator[None]:  # noqa: ANN401
    """Put the hub's refusals into words."""
    errors = hub.errors
    try:
        yield
    except errors.GatedRepoError as error:
        _refuse(
            error, f"{source.repo} is gated: accept its terms on the hub, then log in with `hf auth login`"
        )
    except errors.RevisionNotFoundError as error:
        _refuse(error, f"hub repository {source.repo} has no revision '{source.revision}'")
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        _refuse(
            error,
            f"no hub repository {source.repo}, or no access to it:"
            " for a private one log in with `hf auth login` or set HF_TOKEN",
        )


def _refuse(error: Exception, message: str) -> NoReturn:
    raise UsageError(message) from error


def _unreachable(hub: Any) -> tuple[type[Exception], ...]:  # noqa: ANN401
    """Collect what it raises when there is no hub to talk to; refusals are told apart before.

    Its HTTP client is `requests` before version 1, `httpx` since, `httpx2` since version 2.
    """
    found: list[type[Exception]] = [
        hub.errors.HfHubHTTPError,
        hub.errors.OfflineModeIsEnabled,
        hub.errors.LocalEntryNotFoundError,
    ]
    for module, name in (
        ("httpx", "HTTPError"),
        ("httpx2", "TransportError"),
        ("requests", "RequestException"),
    ):
        try:
            found.append(getattr(importlib.import_module(module), name))
        except ImportError:
            continue
    return tuple(found)
