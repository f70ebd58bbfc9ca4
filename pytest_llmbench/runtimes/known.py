"""Every place a server can live.

Not in the package itself: the processes of servers import that, and need none of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.runtimes.docker import Docker
from pytest_llmbench.runtimes.embedded import Embedded
from pytest_llmbench.runtimes.external import External
from pytest_llmbench.runtimes.process import Process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.runtimes.base import Runtime

__all__ = ["RUNTIMES"]

_ALL: tuple[Runtime, ...] = (Embedded(), External(), Docker(), Process())

RUNTIMES: Mapping[str, Runtime] = {runtime.name: runtime for runtime in _ALL}
"""Every place a server can live, by its name in the configuration."""
