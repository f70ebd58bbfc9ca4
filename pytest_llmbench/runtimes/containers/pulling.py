"""How far a pull is, out of the events of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PullProgress"]

_GIB = 2**30
_MIB = 2**20


class PullProgress:
    """Adds up the layers that have told their size."""

    def __init__(self) -> None:
        self._layers: dict[str, tuple[int, int]] = {}

    def add(self, event: Mapping[str, Any]) -> str:
        """Take one event, and say where the pull is."""
        layer = str(event.get("id", ""))
        status = str(event.get("status", ""))
        detail = event.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            self._layers[layer] = int(detail.get("current", 0)), int(detail["total"])
        elif status in {"Download complete", "Pull complete"} and layer in self._layers:
            total = self._layers[layer][1]
            self._layers[layer] = total, total
        done, total = (
            (sum(values) for values in zip(*self._layers.values(), strict=True)) if self._layers else (0, 0)
        )
        if not total or done == total:
            return status.lower()
        return f"{_size(done)} of {_size(total)}"


def _size(count: int) -> str:
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count / _MIB:.0f} MiB"
