"""What an image is built from: a folder below `docker/`, and the files that its arguments name."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["build_context", "dockerfiles"]

_SOURCE = "SOURCE"
_CA = "ca.crt"


def dockerfiles(name: str) -> Path:
    """Return the folder of an image's Dockerfile: the project's own `docker/<name>`, else the shipped one.

    Raises:
        UsageError: there is none; names those there are.
    """
    package = Path(__file__).parents[2]
    roots = (Path("docker"), package / "_docker", package.parent / "docker")
    for root in roots:
        if (root / name / "Dockerfile").is_file():
            return root / name
    known = {path.parent.name for root in roots for path in root.glob("*/Dockerfile")}
    message = f"there is no docker/{name}/Dockerfile: {nearest(name, known)}"
    raise UsageError(message)


@contextlib.contextmanager
def build_context(folder: Path, build_args: Mapping[str, str]) -> Iterator[tuple[IO[bytes], dict[str, str]]]:
    """Pack a build's files, and give them with the arguments as the build is to see them.

    `SOURCE` may name a file of this host, which is then packed. So is the certificate file that pip is told
    to use here (PIP_CERT), as `ca.crt`: a build behind the same proxy needs it. Times and owners are left
    out, so that the same files are the same layers.

    Raises:
        UsageError: the file cannot be read.
    """
    args = dict(build_args)
    files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    source = args.get(_SOURCE, "")
    if source and "://" not in source:
        path = Path(source).expanduser()
        files[path.name] = path
        args[_SOURCE] = path.name
    if certificates := os.environ.get("PIP_CERT"):
        files[_CA] = Path(certificates)
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, path in files.items():
                _add(tar, name, path)
        packed.seek(0)
        yield packed, args


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"{path}, which the build needs, cannot be read: {error.strerror or error}"
        raise UsageError(message) from error
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o644
    tar.addfile(entry, io.BytesIO(data))
