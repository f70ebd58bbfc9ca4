"""pytest-xdist: all tests of a deployment on one worker, so that its server starts once.

Imported only where xdist is, and used only when benchmarks were asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

__all__ = ["DeploymentScheduling"]


class DeploymentScheduling(LoadScopeScheduling):
    """Gives whole deployments to workers, in the order of the configuration.

    `--dist loadgroup` would be the obvious way, but does not group under pytest 9.2 (pytest-xdist #1386).
    """

    def __init__(self, config: pytest.Config, log: Any, scope: Callable[[str], str]) -> None:  # noqa: ANN401
        super().__init__(config, log)
        self._scope = scope
        # Otherwise groups are ordered by how many tests they have.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return self._scope(nodeid)

    def _reschedule(self, node: Any) -> None:  # noqa: ANN401
        """Give more work to a node that has at most one test left.

        One is what a worker needs to know its next test. The scheduler's own two would bind the next
        deployment to this worker while another may be idle.
        """
        if node.shutting_down or not self.workqueue or self._pending_of(self.assigned_work[node]) <= 1:
            super()._reschedule(node)
