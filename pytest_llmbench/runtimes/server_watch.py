"""What a server's own metrics say about one window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.backends import backend_of
from pytest_llmbench.backends.base import MetricNames
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.telemetry.prometheus import Difference, difference, scrape

if TYPE_CHECKING:
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.telemetry.prometheus import Page

__all__ = ["ServerWatch"]

_SECONDS = 5.0


class ServerWatch:
    """Looks at a server's metrics before and after a window; between the two it is left alone.

    A server that has none, or none that are used, is not asked. One that does not answer tells nothing: what
    it did is measured all the same.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._names = backend_of(server).metric_names
        self._before: Page | None = None

    def begin(self) -> None:
        """Look before the window."""
        self._before = self._look()

    def end(self) -> Difference:
        """Look again, and return what happened meanwhile."""
        return difference(self._before, self._look(), self._names)

    def _look(self) -> Page | None:
        path = backend_of(self._server).metrics_path
        if path is None or self._names == MetricNames():
            return None
        with server_http(self._server, timeout=_SECONDS) as http:
            return scrape(http, path)
