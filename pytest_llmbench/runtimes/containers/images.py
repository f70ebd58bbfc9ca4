"""Images: found here, pulled, or built; and which one exactly it was."""

from __future__ import annotations

import contextlib
import os
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pytest_llmbench.errors import ServerStartError
from pytest_llmbench.runtimes.containers.build_context import build_context, dockerfiles
from pytest_llmbench.runtimes.containers.daemon import sdk, telling
from pytest_llmbench.runtimes.containers.pulling import PullProgress
from pytest_llmbench.runtimes.containers.seen import note_digest
from pytest_llmbench.runtimes.labels import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmbench.backends.base import Image
    from pytest_llmbench.runtimes.containers.daemon import Client

__all__ = ["FoundImage", "build_image", "ensure_image", "find_image", "pull_image"]

_BUILD_SECONDS = 3 * 3600
_TAIL = 20
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image that is here.

    Attributes:
        reference: what it was asked for by.
        id: of its content on this host.
        digest: by which a registry knows it, `sha256:…`; None for one that was never pushed or pulled.
        previous: what the same reference stood for when it was last used here, if that was something else.
    """

    reference: str
    id: str
    digest: str | None
    previous: str | None = None

    @property
    def exact(self) -> str:
        """What names this image and no other: its digest, else its id."""
        return self.digest or self.id


def ensure_image(
    client: Client,
    image: Image,
    on_progress: Callable[[str], None],
    *,
    rebuild: bool = False,
    log: Path | None = None,
) -> FoundImage:
    """Return the image, built or pulled first if it is not here, or if `rebuild` asks for it anew.

    Raises:
        ServerStartError: it cannot be had; says why.
        ServerError: the daemon is gone.
    """
    found = None if rebuild else find_image(client, image.reference)
    if found is not None:
        return found
    if image.dockerfile is None:
        return pull_image(client, image.reference, on_progress)
    return build_image(client, image, on_progress, no_cache=rebuild, log=log)


def find_image(client: Client, reference: str) -> FoundImage | None:
    """Return an image that is on this host; None if it is not."""
    with telling(f"looking for image {reference}"):
        try:
            found = client.images.get(reference)
        except sdk().errors.ImageNotFound:
            return None
    repository = _repository(reference)
    digests = [str(digest) for digest in found.attrs.get("RepoDigests") or ()]
    own = [digest.partition("@")[2] for digest in digests if digest.partition("@")[0] == repository]
    exact = own[0] if own else None
    return FoundImage(reference, str(found.id), exact, note_digest(reference, exact or str(found.id)))


def pull_image(client: Client, reference: str, on_progress: Callable[[str], None]) -> FoundImage:
    """Fetch an image from its registry, by tag or by digest.

    Raises:
        ServerStartError: there is none of that name or digest, or it may not be had.
        ServerError: the daemon is gone.
    """
    repository, tag = _split(reference)
    progress = PullProgress()
    on_progress(f"pulling {reference}")
    with telling(f"image {reference} cannot be pulled"):
        for event in client.api.pull(repository, tag=tag, stream=True, decode=True):
            if "error" in event:
                message = f"image {reference} cannot be pulled: {event['error']}"
                raise ServerStartError(message)
            on_progress(f"pulling {reference} {progress.add(event)}")
    found = find_image(client, reference)
    if found is None:
        message = f"image {reference} was pulled, and is not there"
        raise ServerStartError(message)
    return found


def build_image(
    client: Client,
    image: Image,
    on_progress: Callable[[str], None],
    *,
    no_cache: bool = False,
    log: Path | None = None,
) -> FoundImage:
    """Build an image from its folder below `docker/`; all that the build said goes to `log`.

    Raises:
        ServerStartError: it failed; carries the end of what it said.
        UsageError: there is no such folder.
        ServerError: the daemon is gone.
    """
    folder = dockerfiles(image.dockerfile or "")
    what = f"image {image.reference} cannot be built"
    on_progress(f"building {image.reference}")
    said: deque[str] = deque(maxlen=_TAIL)
    with (
        build_context(folder, image.build_args) as (context, args),
        _opened(log) as file,
        telling(what),
        contextlib.closing(
            client.api.build(
                fileobj=context,
                custom_context=True,
                tag=image.reference,
                buildargs=args,
                labels={MARK: "image"},
                nocache=no_cache,
                rm=True,
                forcerm=True,
                decode=True,
                timeout=_BUILD_SECONDS,
            )
        ) as events,
    ):
        step = ""
        for event in events:
            text = str(event.get("stream") or event.get("error") or event.get("status") or "")
            for line in filter(None, map(str.rstrip, _ESCAPES.sub("", text).splitlines())):
                said.append(line)
                file.write(f"{line}\n")
                step = line.partition(" : ")[0] if line.startswith("Step ") else step
                on_progress(f"building {image.reference} · {step} · {line.strip()}")
            if "error" in event:
                raise ServerStartError(what, log_tail=said, log=log)
    found = find_image(client, image.reference)
    if found is None:
        raise ServerStartError(what, log_tail=said, log=log)
    return found


@contextlib.contextmanager
def _opened(log: Path | None) -> Iterator[IO[str]]:
    """Open a build's log, line by line on disk; nowhere if there is none."""
    path = log or Path(os.devnull)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", buffering=1) as file:
        yield file


def _split(reference: str) -> tuple[str, str]:
    """Split into what the registry calls the repository, and the tag or digest; `latest` if neither."""
    name, at, digest = reference.partition("@")
    if at:
        return _repository(name), digest
    repository = _repository(reference)
    return repository, reference[len(repository) + 1 :] or "latest"


def _repository(reference: str) -> str:
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
