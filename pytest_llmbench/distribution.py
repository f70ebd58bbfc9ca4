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

    def remove_node(self, node: Any) -> str | None:  # noqa: ANN401
        """Give what a crashed worker had left to others, but not again the test that crashed it.

        The scheduler's own would crash worker after worker on it, each after starting a server. It also
        hands out again what is done, and a worker that is given nothing to do never asks for more.
        """
        left = {
            scope: unit
            for scope, work in self.assigned_work[node].items()
            if (unit := {nodeid: done for nodeid, done in work.items() if not done})
        }
        crashed = next((nodeid for unit in left.values() for nodeid in unit), None)
        for unit in left.values():
            unit.pop(crashed, None)
        self.assigned_work[node] = {scope: unit for scope, unit in left.items() if unit}
        super().remove_node(node)
        return crashed

    def _split_scope(self, nodeid: str) -> str:
        return self._scope(nodeid)

    def _reschedule(self, node: Any) -> None:  # noqa: ANN401
        """Give more work to a node that has at most one test left.

        One is what a worker needs to know its next test. The scheduler's own two would bind the next
        deployment to this worker while another may be idle.
        """
        if node.shutting_down or not self.workqueue or self._pending_of(self.assigned_work[node]) <= 1:
            super()._reschedule(node)
