"""GPUs that exist on paper only: a JSON file instead of a driver, for tests of leasing.

    [{"index": 0, "uuid": "GPU-0", "name": "NVIDIA H100", "memory": 85899345920, "used": 0, "numa": 0}]

What else a `GpuInfo` has may be given, too; `links` are by UUID, what connects it with others.
`used` may be changed while it is read: as a driver, it is asked again and again. With a `vendor` (`nvidia`,
`amd`) servers are told to use them, and containers are given them.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pytest_llmbench.telemetry.gpu import GpuInfo, GpuProcess, GpuSample

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Listed"]

_FIELDS = {field.name for field in fields(GpuInfo)} - {"memory_bytes"}


class Listed:
    """Believes a file; one that is not there lists nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _read(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return found

    def _one(self, gpu: GpuInfo) -> dict[str, Any]:
        return next((one for one in self._read() if one["uuid"] == gpu.uuid), {})

    def gpus(self) -> tuple[GpuInfo, ...]:
        """Return what is listed."""
        return tuple(
            GpuInfo(
                **{"vendor": "listed", **{name: one[name] for name in _FIELDS & one.keys()}},
                memory_bytes=one["memory"],
            )
            for one in self._read()
        )

    def link(self, gpu: GpuInfo, other: GpuInfo) -> str | None:
        """Return what is listed under `links`."""
        found: str | None = self._one(gpu).get("links", {}).get(other.uuid)
        return found

    def memory_used(self, gpu: GpuInfo) -> int | None:
        """Return what is listed as used."""
        return self._one(gpu).get("used")

    def processes(self, gpu: GpuInfo) -> tuple[GpuProcess, ...]:
        """Return the process ids that are listed."""
        return tuple(GpuProcess(pid) for pid in self._one(gpu).get("pids", ()))

    def sample(self, gpu: GpuInfo) -> GpuSample:
        """Return what is listed under `sample`."""
        said = dict(self._one(gpu).get("sample", {}))
        said["throttled"] = tuple(said.get("throttled", ()))
        return GpuSample(**said)

    def versions(self) -> tuple[str | None, str | None]:
        """Return none: there is no driver."""
        return None, None
