"""A deployment: everything that makes one server."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from pytest_llmbench.spec.base import Spec

__all__ = ["ArgValue", "Deployment", "ImageType", "RuntimeName"]

RuntimeName = Literal["embedded", "external", "docker", "process"]
ImageType = Literal["prebuilt", "build"]
ArgValue = bool | int | float | str


class Deployment(Spec):
    """One server to be: frozen, hashable, compared by value.

    `args` and `env` are sorted pairs, so that two files that say the same in another order are equal.
    """

    model: str
    """Id of the model in the configuration, or the last part of a path or hub id."""
    source: str
    """`builtin:<name>`, a local path, or a hub id (`repo`, `repo:QUANT`); empty for a server that runs."""
    backend: str
    runtime: RuntimeName
    version: str | None = None
    names_version: bool = False
    """The session holds another version of the same, so the id tells this one."""
    image: str | None = None
    image_type: ImageType | None = None
    profile: str | None = None
    tp: int = Field(default=1, ge=1)
    pp: int = Field(default=1, ge=1)
    dp: int = Field(default=1, ge=1)
    ep: int = Field(default=1, ge=1)
    gpus: int = Field(default=0, ge=0)
    gpu_name: str | None = None
    """What their model's name contains: `H100`."""
    gpu_ids: tuple[str, ...] = ()
    """Exactly these, by index or UUID; empty for any."""
    gpu_prefer: tuple[tuple[str, ...], ...] = ()
    """Sets to take if they are free, best first."""
    gpu_share: float | None = Field(default=None, gt=0, le=1)
    """Part of each GPU's memory that this server uses; others may live beside it. None for all of it."""
    args: tuple[tuple[str, ArgValue], ...] = ()
    program: str | None = None
    """What starts a local process, where it is not what the engine's is called on PATH."""
    extra_args: tuple[str, ...] = ()
    """Words put at the end of the engine's command line, unread."""
    env: tuple[tuple[str, str], ...] = ()
    url: str | None = None
    """Where an external server listens, without `/v1`."""
    served_model: str | None = None
    """The name to ask for; discovered from `/v1/models` when absent."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the server's key; never its value."""
    secrets: tuple[str, ...] = ()
    """Names of environment variables that a container gets from ours, or from `.env`."""
    volumes: tuple[str, ...] = ()
    """`HOST:/CONTAINER` or `HOST:/CONTAINER:ro`, for a container."""
    shm_size: str | None = None
    memory: str | None = None
    """Sizes as Docker writes them: `16g`."""
    ipc: str | None = None
    ulimits: tuple[tuple[str, str], ...] = ()
    """By name: `-1` for no limit, or `SOFT:HARD`."""
    build_args: tuple[tuple[str, str], ...] = ()
    """Of the Dockerfile, where the image is built."""
    skip: str | None = None
    """Why the configuration disables this entry."""
    side: Literal["", "a", "b"] = ""
    """Of an A/B: both sides are the same cell."""

    @property
    def id(self) -> str:
        """The part of a test id: the cell's, and the side of an A/B."""
        return f"{self.cell}.{self.side}" if self.side else self.cell

    @property
    def cell(self) -> str:
        """The cell's part of a test id, from the configuration alone: `glm.vllm.tp02.gpux02`.

        Zero-padded, so that `-k tp01` cannot mean `tp16`; parallelism other than TP appears only where
        it is used, as does what is asked of GPUs beyond their number.
        """
        parts = [self.model, self.backend]
        if self.names_version:
            parts.append(_word(self.version or "any"))
        if self.profile:
            parts.append(self.profile)
        parts.append(f"tp{self.tp:02d}")
        parts += [
            f"{name}{size:02d}"
            for name, size in (("pp", self.pp), ("dp", self.dp), ("ep", self.ep))
            if size > 1
        ]
        parts.append(f"gpux{self.gpus:02d}")
        if self.gpu_name:
            parts.append(_word(self.gpu_name).lower())
        if self.gpu_ids:
            parts.append("id" + "-".join(_word(name.removeprefix("GPU-")[:8]) for name in self.gpu_ids))
        if self.gpu_share:
            parts.append(f"share{round(self.gpu_share * 100):02d}")
        return ".".join(parts)


def _word(text: str) -> str:
    """`text` with what cannot be in a test id replaced."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)
