from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.runtimes.server_watch import ServerWatch
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.telemetry.prometheus import Difference


class _Counting(BaseHTTPRequestHandler):
    looks = 0

    def do_GET(self) -> None:
        """Have twice the queries and as many hits more at every look."""
        _Counting.looks += 1
        cache, looks = "vllm:prefix_cache", self.looks * 10
        text = f"{cache}_queries_total {2 * looks}\n{cache}_hits_total {looks}\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def _server(url: str, backend: str = "vllm") -> Server:
    return Server(Deployment(model="m", source="", backend=backend, runtime="external"), url, "m")


def test_looks_before_and_after() -> None:
    """Two looks, and what happened between them; an engine without such metrics is not looked at."""
    with HTTPServer(("127.0.0.1", 0), _Counting) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{http.server_address[1]}"
        watch = ServerWatch(_server(url))
        watch.begin()
        assert watch.end().scalars == {"cache_hit_rate": 0.5}
        assert _Counting.looks == 2
        silent = ServerWatch(_server(url, "llama"))
        silent.begin()
        assert silent.end() == Difference()
        assert _Counting.looks == 2
        http.shutdown()


def test_server_that_is_gone_tells_nothing() -> None:
    """Its answers are measured, or not; that its metrics are gone is no failure of its own."""
    watch = ServerWatch(_server("http://127.0.0.1:9"))
    watch.begin()
    assert watch.end() == Difference()
