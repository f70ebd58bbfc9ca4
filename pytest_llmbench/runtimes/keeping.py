"""What a server is called and known by, and which of those that were kept is just what is wanted."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from pytest_llmbench.models.shards import shards_of
from pytest_llmbench.runtimes.labels import Tag
from pytest_llmbench.runtimes.owner import this_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.found import Found
    from pytest_llmbench.runtimes.server import Secret
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["fingerprint", "kept", "new_name", "new_tag", "state_of"]

FoundT = TypeVar("FoundT", bound="Found")

_EVERY = ("0.0.0.0", "::")  # noqa: S104 - compared


def fingerprint(
    deployment: Deployment,
    context: StartContext,
    weights: Path,
    secrets: Mapping[str, Secret],
    api_key: Secret | None,
    *parts: object,
) -> str:
    """Digest all that two servers must have in common to be the same, in 32 hex digits.

    Deployment, GPUs, cores, the files of its weights, its secrets by name, and the API key; `parts` are what
    else it is started with: image or program, volumes or variables.
    """
    told = {**secrets, "": api_key or ""}
    files = sorted(weights.rglob("*")) if weights.is_dir() else shards_of(weights)
    whole = (
        deployment.model_dump_json(),
        ",".join(gpu.uuid for gpu in context.gpus),
        context.cores,
        [state_of(file) for file in files],
        # As texts: a secret's repr does not tell it from another.
        [f"{name}={value}" for name, value in sorted(told.items())],
        parts,
    )
    return hashlib.sha256(repr(whole).encode()).hexdigest()[:32]


def state_of(file: Path) -> tuple[str, int, int]:
    """Return what changes with a file: where it is, its size (bytes) and when it was written (ns)."""
    try:
        status = file.stat()
    except OSError:
        return str(file), 0, 0
    return str(file.absolute()), status.st_size, status.st_mtime_ns


def new_name(deployment: Deployment) -> str:
    """Return a name for a container or process that no other has."""
    return f"llmbench-{deployment.id}-{uuid.uuid4().hex[:8]}"


def new_tag(deployment: Deployment, context: StartContext, served_name: str, same: str) -> Tag:
    """Return what is to be written on a server of ours; `same` is its fingerprint."""
    return Tag(
        session=context.session,
        deployment=deployment.id,
        owner=this_process(),
        served_name=served_name,
        kept=context.keep,
        fingerprint=same,
        gpus=tuple(gpu.uuid for gpu in context.gpus),
    )


def kept(servers: Iterable[FoundT], context: StartContext) -> Iterator[FoundT]:
    """Choose those that were kept, run, and listen where this start wants its server to."""
    for found in servers:
        if found.tag.kept and found.runs and (context.publish is None or _listens(found, context.publish)):
            yield found


def _listens(found: Found, wanted: tuple[str, int]) -> bool:
    address = urlsplit(found.address or "")
    host, port = wanted
    return port in (0, address.port) and host in (address.hostname, *_EVERY)
