"""How files of this host appear inside a container."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.shards import shards_of

__all__ = ["Mount", "user_mount", "weights_mounts"]

_MODELS = "/models"
_HUB_FOLDER = "models--"


@dataclass(frozen=True, slots=True)
class Mount:
    """A file, a folder or a named volume, and where the container sees it."""

    source: str
    target: str
    read_only: bool = True

    @property
    def bind(self) -> str:
        """As Docker's API takes it."""
        return f"{self.source}:{self.target}:{'ro' if self.read_only else 'rw'}"


def weights_mounts(weights: Path) -> tuple[list[Mount], str]:
    """Return what to mount for a model, read-only, and its path inside: GGUF files, or a folder.

    A hub's cache keeps links to files that lie beside the folder: the repository's folder is mounted as a
    whole, so that they lead somewhere.
    """
    if weights.is_dir():
        weights = weights.absolute()
        hub = next((folder for folder in weights.parents if folder.name.startswith(_HUB_FOLDER)), None)
        root = hub or weights
        inside = f"{_MODELS}/{root.name}"
        return [Mount(str(root), inside)], f"{inside}/{weights.relative_to(root).as_posix()}".removesuffix(
            "/."
        )
    parts = shards_of(weights)
    mounts = [Mount(str(part.resolve()), f"{_MODELS}/{part.name}") for part in parts]
    return mounts, f"{_MODELS}/{weights.name}"


def user_mount(text: str) -> Mount:
    """Read `HOST:CONTAINER` or `HOST:CONTAINER:ro`; HOST is a path, or the name of a volume.

    Raises:
        UsageError: it is none of them, or the path does not exist.
    """
    source, colon, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not colon or not source or not target.startswith("/") or mode not in ("", "ro", "rw"):
        message = f"volume {text!r} is not HOST:/CONTAINER or HOST:/CONTAINER:ro"
        raise UsageError(message)
    if source.startswith(("/", "~", ".")):
        path = Path(source).expanduser().absolute()
        if not path.exists():
            message = f"volume {text!r}: {path} does not exist"
            raise UsageError(message)
        source = str(path)
    return Mount(source, target, read_only=mode == "ro")
